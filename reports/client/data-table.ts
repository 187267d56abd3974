import { element } from "./element.ts";

export type Cell = string | Node;

export interface TableFacts {
  readonly caption: string;
  readonly meaning: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** Columns of text; the others are numbers, but the first, which names the row. */
  readonly texts?: readonly string[];
  /** Classes of a row. */
  readonly rowClass?: (row: number) => string;
}

/** A table in a panel of its own. */
export function dataTable({ caption, meaning, columns, rows, texts = [], rowClass }: TableFacts): HTMLElement {
  const kind = (column: number): Readonly<Record<string, string>> =>
    column === 0 || texts.includes(columns[column]!) ? {} : { class: "number" };
  const head = columns.map((name, column) => element("th", { scope: "col", ...kind(column) }, [name]));
  const body = rows.map((cells, row) =>
    element(
      "tr",
      rowClass === undefined ? {} : { class: rowClass(row) },
      cells.map((cell, column) =>
        column === 0 ? element("th", { scope: "row" }, [cell]) : element("td", kind(column), [cell]),
      ),
    ),
  );
  return element("div", { class: "panel table-panel" }, [
    element("table", {}, [
      element("caption", {}, [element("strong", {}, [caption]), element("span", {}, [meaning])]),
      element("thead", {}, [element("tr", {}, head)]),
      element("tbody", {}, body),
    ]),
  ]);
}
