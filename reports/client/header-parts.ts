// What the headers of pages are made of.
import { element } from "./element.ts";

/** A figure: its name, its value in large type, and what stands below it. */
export function card(name: string, main: string, detail: string): HTMLElement {
  return element("div", { class: "card" }, [
    element("dt", {}, [name]),
    element("dd", {}, [
      element("span", { class: "card-line" }, [element("span", { class: "card-main" }, [main])]),
      element("span", { class: "card-detail" }, [detail]),
    ]),
  ]);
}

/** Names with values, side by side. */
export function factList(facts: readonly (readonly [label: string, value: string])[]): HTMLElement {
  return element(
    "dl",
    { class: "facts" },
    facts.map(([label, value]) => element("div", {}, [element("dt", {}, [label]), element("dd", {}, [value])])),
  );
}
