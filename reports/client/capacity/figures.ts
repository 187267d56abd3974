// Figures of an answer in words.
import type { CandidateRow, CapacityAnswer } from "../../../plan/index.ts";
import { formatNumber } from "../format.ts";

/** "12,345 USD" */
export function money(value: number, { currency }: Pick<CapacityAnswer, "currency">): string {
  return `${formatNumber(Math.round(value))}\u00a0${currency}`;
}

/** "2.5 h" */
export function hours(value: number): string {
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)}\u00a0h`;
}

/** Groups of kinds with a level, by name; all jobs where they have one together. */
export function levelName({ kinds }: CandidateRow["levels"][number], { levels }: Pick<CandidateRow, "levels">): string {
  return levels.length === 1 ? "jobs" : kinds.join(", ");
}

/** "0.9 h (0.8 to 1.1)" */
export function spread({ mean, low, high }: CandidateRow["levels"][number]): string {
  const range = [low, high].map((value) => value.toPrecision(3)).join(" to ");
  return `${hours(mean)} (${range})`;
}

/** Accelerators in the order in which they are first told of: a colour each. */
export function acceleratorsOf({ meets, misses }: Pick<CapacityAnswer, "meets" | "misses">): readonly string[] {
  return [...new Set([...meets, ...misses].map(({ candidate }) => candidate.accelerator))].sort();
}
