import { element } from "./element.ts";

/** Links to sections of a page. */
export function contentsOf(sections: readonly HTMLElement[]): HTMLElement {
  const links = sections.flatMap((own) => {
    const title = own.querySelector("h2")?.textContent ?? "";
    return title === "" ? [] : [element("a", { href: `#${own.id}` }, [title])];
  });
  return element("nav", { class: "contents", "aria-label": "Contents" }, links);
}
