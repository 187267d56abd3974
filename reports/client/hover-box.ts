import { element } from "./element.ts";
import { placeBox } from "./place-box.ts";

/** The box beside the mark that the reader points at. */
export interface HoverBox<Subject> {
  readonly node: HTMLElement;
  show(subject: Subject, event: PointerEvent): void;
  hide(): void;
}

/** A box whose content follows from what is pointed at. */
export function createHoverBox<Subject>(content: (subject: Subject) => readonly HTMLElement[]): HoverBox<Subject> {
  const node = element("div", { class: "tooltip", role: "tooltip", hidden: "" });
  addEventListener("keydown", ({ key }) => {
    if (key === "Escape") node.hidden = true;
  });
  return {
    node,
    show(subject, event) {
      node.hidden = false;
      node.replaceChildren(...content(subject));
      placeBox(node, { x: event.clientX, y: event.clientY });
    },
    hide() {
      node.hidden = true;
    },
  };
}

/** What a box says: a title, names with values, and sentences; those that are empty are left out. */
export function boxContent(
  title: string,
  lines: readonly (readonly [string, string])[],
  sentences: readonly string[] = [],
): readonly HTMLElement[] {
  const rows = lines.map(([name, text]) =>
    element("tr", {}, [element("th", { scope: "row" }, [name]), element("td", {}, [text])]),
  );
  return [
    element("div", { class: "tooltip-title" }, [element("strong", {}, [title])]),
    element("table", {}, [element("tbody", {}, rows)]),
    ...sentences.filter(Boolean).map((text) => element("div", { class: "tooltip-facts" }, [text])),
  ];
}
