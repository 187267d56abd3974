import { mean } from "../core/index.ts";

const LEVELS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/** A curve as one line of so many characters at most, lowest to highest; values that are not finite leave a gap. */
export function sparkline(values: readonly number[], width: number): string {
  const count = Math.min(width, values.length);
  const points = Array.from({ length: count }, (_, i) => {
    const part = values.slice(Math.floor((i * values.length) / count), Math.floor(((i + 1) * values.length) / count));
    const finite = part.filter(Number.isFinite);
    return finite.length === 0 ? Number.NaN : mean(finite);
  });
  const finite = points.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const levelOf = (value: number): number =>
    high === low ? 0 : Math.round(((value - low) / (high - low)) * (LEVELS.length - 1));
  return points.map((value) => (Number.isFinite(value) ? LEVELS[levelOf(value)]! : " ")).join("");
}
