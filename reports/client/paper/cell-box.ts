import type { PaperPageRow } from "../../paper-data.ts";
import { formatError, formatMemory } from "../format.ts";
import { boxContent, createHoverBox, type HoverBox } from "../hover-box.ts";
import { rowText, valueText } from "./systems.ts";

export type CellBox = HoverBox<PaperPageRow>;

/** The box of a published cell. */
export function createCellBox(): CellBox {
  return createHoverBox((row) => {
    const { published, predicted, unit, error, peakBytes, use, note } = row;
    const inUnit = (value: PaperPageRow["published"]): string =>
      value === "out of memory" ? value : `${valueText(value, unit)} ${unit === "seconds" ? "s" : unit}`;
    const lines: readonly (readonly [string, string])[] = [
      ["published", inUnit(published)],
      ["predicted", inUnit(predicted)],
      ...(error === null ? [] : [["error", formatError(error)] as const]),
      ["fullest device", formatMemory(peakBytes)],
    ];
    return boxContent(rowText(row), lines, [use === "calibration" ? "numbers were fitted to this cell" : "", note]);
  });
}
