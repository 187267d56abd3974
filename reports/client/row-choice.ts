import { element } from "./element.ts";
import { onPaper } from "./print.ts";

/** Rows that are there from the start, and that a press on the button adds. */
const ROWS = 100;
/** As many are found without being looked for. */
const FEW = 12;

/** A field that finds rows of a table, and a button that shows more of them. */
export interface RowChoice {
  readonly find: HTMLElement;
  readonly more: HTMLElement;
  /** Those of the rows to be shown now; by what texts they are found. */
  chosen<Row>(rows: readonly Row[], textsOf: (row: Row) => readonly string[]): readonly Row[];
}

/** `draw`: shows the table anew, after another choice. */
export function createRowChoice(what: string, draw: () => void): RowChoice {
  const field = element("input", {
    type: "search",
    placeholder: what,
    "aria-label": `Find: ${what.toLowerCase()}`,
  });
  const find = element("div", { class: "toolbar find" }, [field]);
  const more = element("button", { type: "button", class: "more" });
  let [shown, isOnPaper] = [ROWS, false];
  field.addEventListener("input", draw);
  more.addEventListener("click", () => {
    shown += ROWS;
    draw();
    // The focus is not lost with the button.
    if (more.hidden) field.focus({ preventScroll: true });
  });
  onPaper((isNow) => {
    isOnPaper = isNow;
    draw();
  });
  return {
    find,
    more,
    chosen(rows, textsOf) {
      const wanted = field.value.trim().toLowerCase();
      const found = rows.filter((row) => textsOf(row).some((text) => text.toLowerCase().includes(wanted)));
      const most = isOnPaper ? found.length : shown;
      find.hidden = rows.length <= FEW;
      more.hidden = found.length <= most;
      more.textContent = `Show more (${Math.min(most, found.length)} of ${found.length})`;
      return found.slice(0, most);
    },
  };
}
