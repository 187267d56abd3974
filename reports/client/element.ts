import { plainText } from "../../core/index.ts";

type Child = Node | string | undefined;

/**
 * An HTML element with attributes and children; children that are undefined are left out. Texts are shown whole, also
 * what nobody would see of them.
 */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  children: readonly Child[] = [],
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, plainText(value));
  for (const child of children)
    if (child !== undefined) made.append(typeof child === "string" ? plainText(child) : child);
  return made;
}

/** A section of the page: heading, one paragraph that says what the numbers mean, and its content. */
export function section(id: string, title: string, meaning: string, children: readonly Child[]): HTMLElement {
  return element("section", { id, "aria-labelledby": `${id}-title` }, [
    element("h2", { id: `${id}-title` }, [title]),
    element("p", { class: "meaning" }, [meaning]),
    ...children,
  ]);
}
