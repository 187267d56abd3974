import { maximum } from "../../core/index.ts";
import { learningRateAt } from "../documents/learning-rate.ts";
import type { OptimizerSpec } from "../documents/workload.ts";

/** Steps whose learning rates are looked at, at most. */
const MOST_LOOKS = 1000;
/** A schedule falls if its last rate is below this share of the highest. */
const FALLS_BELOW = 0.9;

/** What a job's learning rates follow from. */
export type RatedOptimizer = Pick<OptimizerSpec, "learningRate" | "schedule">;

/**
 * The iteration, from 1, after which a job's losses may say that the rest betters nothing. Under a schedule that falls
 * to the end, the rest betters much until the fall is half over: it is the last iteration with a rate above the middle
 * between the highest and the last one. Under any other it is the end of the warm-up.
 */
export function firstVerdict(optimizer: RatedOptimizer, steps: number): number {
  const { schedule } = optimizer;
  if (schedule === undefined) return 0;
  const looks = Math.min(steps, MOST_LOOKS);
  const rates = Array.from({ length: looks }, (_, look) => {
    const iteration = Math.round(((look + 1) * steps) / looks);
    const rate = learningRateAt(optimizer as OptimizerSpec, iteration - 1, steps);
    return { iteration, rate };
  });
  const highest = maximum(rates.map(({ rate }) => rate));
  const last = rates.at(-1)!.rate;
  if (last >= FALLS_BELOW * highest) return Math.min(schedule.warmupSteps, steps);
  return rates.findLast(({ rate }) => rate > (highest + last) / 2)!.iteration;
}
