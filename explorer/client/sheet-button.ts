import { element } from "../../reports/client/index.ts";

/** On a narrow page: a button that opens the inputs in the lower half, with the timeline above them, and closes them. */
export function sheetButton(controls: HTMLElement): HTMLElement {
  controls.id = "controls";
  const button = element("button", { type: "button", class: "sheet-button", "aria-controls": controls.id });
  const show = (isOpen: boolean): void => {
    controls.classList.toggle("is-open", isOpen);
    button.textContent = isOpen ? "Close" : "Change";
    button.setAttribute("aria-expanded", `${isOpen}`);
  };
  button.addEventListener("click", () => {
    const isOpen = !controls.classList.contains("is-open");
    show(isOpen);
    if (isOpen) document.querySelector("#timeline .stage")?.scrollIntoView({ block: "start" });
  });
  controls.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !controls.classList.contains("is-open")) return;
    show(false);
    button.focus();
  });
  show(false);
  return button;
}
