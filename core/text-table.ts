import { plainLine } from "./plain-text.ts";

/** Where a column's cells are flush. */
export type Alignment = "left" | "right";

/**
 * Columns side by side, two spaces apart, each as wide as its widest cell; one line a row, without spaces at its end. The
 * first column is flush left, the others flush right, unless `alignments` says otherwise. What nobody would see of a cell
 * is escaped.
 */
export function textTable(
  cells: readonly (readonly string[])[],
  alignments: (column: number) => Alignment = (column) => (column === 0 ? "left" : "right"),
): readonly string[] {
  const rows = cells.map((row) => row.map(plainLine));
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  const placed = (cell: string, column: number): string =>
    alignments(column) === "left" ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return rows.map((row) => row.map(placed).join("  ").trimEnd());
}
