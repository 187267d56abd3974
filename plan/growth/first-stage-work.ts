import type { LazyList } from "../../core/index.ts";
import type { PlannedRow } from "../documents/segment.ts";

type Parts = readonly (readonly PlannedRow[])[];

/** So many steps are all looked at; of more, some evenly over them stand for all. */
const FEW = 64;
const SAMPLES = 16;

/**
 * Nanoseconds on the first stage of all steps of a group: what groups that wait begin in the order of. `isShort`: of many
 * steps it is about so much, and few of them are cut for it.
 */
export function firstStageWork(
  steps: LazyList<Parts>,
  evaluations: LazyList<Parts | undefined>,
  isShort: boolean,
  durationNs: (step: number, letter: "F" | "B" | "E", rows: readonly PlannedRow[]) => number,
): number {
  const count = isShort && steps.length > FEW ? SAMPLES : steps.length;
  let ns = 0;
  for (let at = 0; at < count; at += 1) {
    const step = Math.floor((at * steps.length) / count);
    for (const rows of steps.at(step)!) ns += durationNs(step, "F", rows) + durationNs(step, "B", rows);
    for (const rows of evaluations.at(step) ?? []) ns += durationNs(step, "E", rows);
  }
  return count === steps.length ? ns : (ns / count) * steps.length;
}
