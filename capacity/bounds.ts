import { sum } from "../core/index.ts";
import type { DrawnJob } from "./draw-jobs.ts";
import { type LevelGroup, levelHours } from "./level.ts";
import { aloneSeconds, type SlotFleet } from "./slot-fleet.ts";

/** What a candidate cannot fall below with some jobs, whatever a scheduler does. */
export interface Bounds {
  /** Seconds in which its slots train, all together. */
  readonly busySeconds: number;
  /** By group of kinds, the hours that its level is compared with; infinite where they cannot be kept at all. */
  readonly hours: readonly number[];
}

/** Simulated times are whole nanoseconds. */
const ROUNDED = 1 - 1e-7;

/** Of work that so many of a hundred jobs need, the least: that of the smallest of them. */
function leastOfShare(works: readonly number[], percent: number): number {
  // A quantile between two jobs is no less than the lower of them.
  const count = Math.floor((percent / 100) * (works.length - 1)) + 1;
  return sum([...works].sort((a, b) => a - b).slice(0, count));
}

/**
 * Proven: a job takes no less than alone, a slot makes no more of a job's work in a second than its tokens alone allow,
 * and those who keep a level have ended by that time after the last of them came.
 */
export function boundsOf(fleet: SlotFleet, jobs: readonly DrawnJob[], groups: readonly LevelGroup[]): Bounds {
  const { times, factor, numSlots, policy } = fleet;
  const least: number[] = [];
  const alone = jobs.map((job) => ({ kind: job.kind, seconds: ROUNDED * aloneSeconds(fleet, job) }));
  const works = jobs.map(({ kind, steps: count }) => {
    least[kind] ??= ROUNDED * factor * times.leastSeconds(kind);
    return count * least[kind];
  });
  const hours = groups.map((group) => {
    const own = jobs.flatMap(({ kind, arrivalSeconds }, index) =>
      group.kinds.includes(kind) ? [{ arrivalSeconds, work: works[index]! }] : [],
    );
    const soonest = levelHours(group, alone);
    if (own.length === 0 || soonest > group.level.hours) return soonest;
    const [first, last] = [own[0]!.arrivalSeconds, own.at(-1)!.arrivalSeconds];
    const work = leastOfShare(
      own.map((job) => job.work),
      group.level.percent,
    );
    const isPossible = work <= numSlots * (last - first + 3600 * group.level.hours);
    return isPossible ? soonest : Number.POSITIVE_INFINITY;
  });
  // Whoever refuses jobs trains fewer: nobody knows how few.
  return { busySeconds: policy === "deadline" ? 0 : sum(works), hours };
}
