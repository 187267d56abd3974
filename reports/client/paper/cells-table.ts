import type { PaperPageData, PaperPageRow } from "../../paper-data.ts";
import { type Cell, dataTable } from "../data-table.ts";
import { element, section } from "../element.ts";
import { formatError, formatMemory } from "../format.ts";
import { distinct, modelName, systemName, valueText } from "./systems.ts";

const FIGURES: Readonly<Record<string, { readonly name: string; readonly meaning: string }>> = {
  "7": { name: "Fig. 7", meaning: "Hours until a job is done, divided by the jobs that run at once." },
  "11": { name: "Fig. 11", meaning: "Tokens a second." },
  "14": { name: "Fig. 14", meaning: "Seconds of one step of one job on one GPU; 8-bit base, layers recomputed." },
};

/** Errors from this on fill their half of the bar. */
const FULL_ERROR = 0.1;

function errorCell({ error }: PaperPageRow): Cell {
  if (error === null) return "";
  const share = Math.min(1, Math.abs(error) / FULL_ERROR);
  const outside = Math.abs(error) > FULL_ERROR ? " is-outside" : "";
  return element("span", { class: "error-cell" }, [
    element("span", { class: "error-track", "aria-hidden": "true" }, [
      element("span", {
        class: `error-bar error-${error < 0 ? "below" : "above"}${outside}`,
        style: `width: ${(share * 50).toFixed(1)}%`,
      }),
    ]),
    element("span", { class: "error-text" }, [formatError(error)]),
  ]);
}

function useCell({ use }: PaperPageRow, note: number): Cell {
  switch (use) {
    case "calibration":
      return element("span", { class: "badge badge-fit" }, ["fitted to"]);
    case "explained":
      return element("span", { class: "badge badge-off" }, [`note ${note}`]);
    case "predicted":
      return "predicted";
  }
}

/** Every published cell, one table a figure, with notes below. */
export function cellsSection({ rows }: PaperPageData): HTMLElement {
  const notes = distinct(rows.map(({ note }) => note).filter(Boolean));
  const tables = distinct(rows.map(({ figure }) => figure)).map((figure) => {
    const own = rows.filter((row) => row.figure === figure);
    return dataTable({
      caption: FIGURES[figure]?.name ?? `Fig. ${figure}`,
      meaning: FIGURES[figure]?.meaning ?? "",
      columns: ["Model", "System", "Adapters", "Published", "Predicted", "Error", "Fullest device", "Use"],
      texts: ["System", "Use"],
      rows: own.map((row) => [
        modelName(row.model),
        systemName(row.system),
        `${row.adapters}`,
        valueText(row.published, row.unit),
        valueText(row.predicted, row.unit),
        errorCell(row),
        formatMemory(row.peakBytes),
        useCell(row, notes.indexOf(row.note) + 1),
      ]),
      rowClass: (row) => `use-${own[row]!.use}`,
    });
  });
  const meaning =
    "The error is predicted over published, less one; from 10 % on its bar is full. Cells that numbers were fitted to are marked and count in no score.";
  return section("cells", "Every cell", meaning, [
    ...tables,
    element("h3", {}, ["Notes"]),
    element(
      "ol",
      { class: "notes" },
      notes.map((note) => element("li", {}, [note])),
    ),
  ]);
}
