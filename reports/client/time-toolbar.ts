import { element } from "./element.ts";
import type { TimeWindow } from "./time-window.ts";

/** A button: what stands on it, what it is called, and what it does. */
type Button = readonly [label: string, name: string, act: () => void];

/** Buttons that move the window, some of a section's own, and the time that it shows. */
export function timeToolbar(
  view: TimeWindow,
  own: readonly Button[],
  textOf: (startNs: number, endNs: number) => string,
): HTMLElement {
  const shown = element("output", { class: "window-text" });
  view.onChange(() => {
    shown.textContent = textOf(...view.domain());
  });
  const buttons: readonly Button[] = [
    ["\u2212", "Zoom out", () => view.zoomBy(0.5)],
    ["+", "Zoom in", () => view.zoomBy(2)],
    ["‹", "Earlier", () => view.panBy(-0.5)],
    ["›", "Later", () => view.panBy(0.5)],
    ...own,
  ];
  return element("div", { class: "toolbar", role: "group", "aria-label": "Time window" }, [
    ...buttons.map(([label, name, act]) => {
      const button = element("button", { type: "button", "aria-label": name, title: name }, [label]);
      button.addEventListener("click", act);
      return button;
    }),
    shown,
  ]);
}
