import { element } from "./element.ts";
import { createRowChoice } from "./row-choice.ts";

export type Cell = string | Node;

export interface TableFacts {
  readonly caption: string;
  readonly meaning: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** Columns of text; the others are numbers, but the first, which names the row. */
  readonly texts?: readonly string[];
  /** What rows are of, and their names: with these they can be found, and not all of many are shown at once. */
  readonly find?: { readonly what: string; readonly names: readonly string[] };
  /** Classes of a row. */
  readonly rowClass?: (row: number) => string;
}

/** A table in a panel of its own. */
export function dataTable({ caption, meaning, columns, rows, texts = [], find, rowClass }: TableFacts): HTMLElement {
  const kind = (column: number): Readonly<Record<string, string>> =>
    column === 0 || texts.includes(columns[column]!) ? {} : { class: "number" };
  const head = columns.map((name, column) => element("th", { scope: "col", ...kind(column) }, [name]));
  const made = rows.map((cells, row) =>
    element(
      "tr",
      rowClass === undefined ? {} : { class: rowClass(row) },
      cells.map((cell, column) =>
        column === 0 ? element("th", { scope: "row" }, [cell]) : element("td", kind(column), [cell]),
      ),
    ),
  );
  const body = element("tbody", {}, made);
  const table = element("table", {}, [
    element("caption", {}, [element("strong", {}, [caption]), element("span", {}, [meaning])]),
    element("thead", {}, [element("tr", {}, head)]),
    body,
  ]);
  if (find === undefined) return element("div", { class: "panel table-panel" }, [table]);
  const draw = (): void => {
    const places = choice.chosen([...made.keys()], (row) => [find.names[row]!]);
    body.replaceChildren(...places.map((row) => made[row]!));
  };
  const choice = createRowChoice(find.what, draw);
  draw();
  return element("div", { class: "panel table-panel" }, [choice.find, table, choice.more]);
}
