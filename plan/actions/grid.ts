import { formatAction } from "./action.ts";
import { actionOf, type StageOrders } from "./order.ts";

/** Rows of the grid around a marked cell. */
const CONTEXT = 4;

export interface GridMark {
  readonly stage: number;
  /** Index into the stage's order. */
  readonly position: number;
}

/**
 * Orders as text: one row for each position, one column for each stage, `.` where a stage has no more actions.
 * With a mark only the rows around it are shown and the cell is pointed at.
 */
export function gridText(orders: StageOrders, mark?: GridMark): string {
  const rows = Math.max(0, ...orders.map((order) => order.length));
  const first = mark === undefined ? 0 : Math.max(0, mark.position - CONTEXT);
  const end = mark === undefined ? rows : Math.min(rows, mark.position + CONTEXT + 1);
  const cell = (stage: number, at: number): string =>
    at < orders[stage]!.length ? formatAction(actionOf(stage, orders[stage]![at]!)) : ".";
  const widths = orders.map((order, stage) =>
    Math.max(`stage ${stage}`.length, ...order.subarray(first, end).map((_, at) => cell(stage, first + at).length)),
  );
  const label = `step ${end}`.length;
  const line = (head: string, cells: readonly string[], tail: string): string =>
    `${head.padEnd(label)}  ${cells.map((text, stage) => text.padEnd(widths[stage]!)).join("  ")}${tail}`.trimEnd();
  const lines = [
    line(
      "",
      orders.map((_, stage) => `stage ${stage}`),
      "",
    ),
  ];
  for (let row = first; row < end; row += 1) {
    const tail = mark?.position === row ? `  <-- here, on stage ${mark.stage}` : "";
    lines.push(
      line(
        `step ${row}`,
        orders.map((_, stage) => cell(stage, row)),
        tail,
      ),
    );
  }
  return lines.join("\n");
}
