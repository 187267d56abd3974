import { extent, line, scaleLinear } from "d3";

/** The path of a curve in a box of this size; values that are null leave a gap. Empty without two values. */
export function sparklinePath(values: readonly (number | null)[], width: number, height: number): string {
  const [low, high] = extent(values.filter((value) => value !== null));
  if (low === undefined || values.length < 2) return "";
  const x = scaleLinear([0, values.length - 1], [1, width - 1]);
  const y = scaleLinear(low === high ? [low - 1, low + 1] : [low, high], [height - 2, 2]);
  const curve = line<number | null>(
    (_, index) => x(index),
    (value) => y(value ?? 0),
  ).defined((value) => value !== null);
  return curve([...values]) ?? "";
}
