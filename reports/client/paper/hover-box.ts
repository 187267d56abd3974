import type { PaperPageRow } from "../../paper-data.ts";
import { element } from "../element.ts";
import { formatError, formatMemory } from "../format.ts";
import { rowText, valueText } from "./systems.ts";

/** Pixels between the pointer and the box. */
const OFFSET = 16;

/** The box beside the mark that the reader points at. */
export interface HoverBox {
  readonly node: HTMLElement;
  show(row: PaperPageRow, event: PointerEvent): void;
  hide(): void;
}

function content(row: PaperPageRow): readonly HTMLElement[] {
  const { published, predicted, unit, error, peakBytes, use } = row;
  const line = (name: string, text: string): HTMLElement =>
    element("tr", {}, [element("th", { scope: "row" }, [name]), element("td", {}, [text])]);
  const inUnit = (value: PaperPageRow["published"]): string =>
    value === "out of memory" ? value : `${valueText(value, unit)} ${unit === "seconds" ? "s" : unit}`;
  const what = use === "calibration" ? "numbers were fitted to this cell" : "";
  return [
    element("div", { class: "tooltip-title" }, [element("strong", {}, [rowText(row)])]),
    element("table", {}, [
      element("tbody", {}, [
        line("published", inUnit(published)),
        line("predicted", inUnit(predicted)),
        ...(error === null ? [] : [line("error", formatError(error))]),
        line("fullest device", formatMemory(peakBytes)),
      ]),
    ]),
    ...[what, row.note].filter(Boolean).map((text) => element("div", { class: "tooltip-facts" }, [text])),
  ];
}

export function createHoverBox(): HoverBox {
  const node = element("div", { class: "tooltip", role: "tooltip", hidden: "" });
  return {
    node,
    show(row, event) {
      node.hidden = false;
      node.replaceChildren(...content(row));
      const { width, height } = node.getBoundingClientRect();
      const { clientWidth, clientHeight } = document.documentElement;
      const isRight = event.clientX + OFFSET + width < clientWidth;
      const isBelow = event.clientY + OFFSET + height < clientHeight;
      node.style.left = `${Math.max(4, isRight ? event.clientX + OFFSET : event.clientX - OFFSET - width)}px`;
      node.style.top = `${Math.max(4, isBelow ? event.clientY + OFFSET : event.clientY - OFFSET - height)}px`;
    },
    hide() {
      node.hidden = true;
    },
  };
}
