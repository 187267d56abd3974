import { formatSeconds, formatSecondsRange } from "../../../core/index.ts";
// Figures of an answer in words.
import type { CandidateRow, CapacityAnswer } from "../../../plan/index.ts";
import type { Figures } from "../../capacity-words.ts";
import { formatNumber } from "../format.ts";

/** "12,345 USD" */
export function money(value: number, { currency }: Pick<CapacityAnswer, "currency">): string {
  return `${formatNumber(Math.round(value))}\u00a0${currency}`;
}

/** "12,345.60" */
export function exactAmount(value: number): string {
  const cents = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return value.toLocaleString("en-US", cents).replace("-", "\u2212");
}

/** How sentences that the terminal has too write figures here. */
export function figuresOf(answer: CapacityAnswer): Figures {
  return { money: (amount) => `${exactAmount(amount)}\u00a0${answer.currency}`, count: formatNumber };
}

/** "2 h 30 min" */
export function hours(value: number): string {
  return formatSeconds(3600 * value).replaceAll(" ", "\u00a0");
}

/** Groups of kinds with a level, by name; all jobs where they have one together. */
export function levelName({ kinds }: CandidateRow["levels"][number], { levels }: Pick<CandidateRow, "levels">): string {
  return levels.length === 1 ? "jobs" : kinds.join(", ");
}

/** "54 min 00 s (48 min 00 s to 1 h 06 min)" */
export function spread({ mean, low, high }: CandidateRow["levels"][number]): string {
  return `${hours(mean)} (${formatSecondsRange(3600 * low, 3600 * high)})`;
}

/** Accelerators in the order in which they are first told of: a colour each. */
export function acceleratorsOf({ meets, misses }: Pick<CapacityAnswer, "meets" | "misses">): readonly string[] {
  return [...new Set([...meets, ...misses].map(({ candidate }) => candidate.accelerator))].sort();
}
