import { decayShapes } from "./decay-shapes.ts";
import { type ExpectedEnd, expectedEnd, fittedLoss } from "./extrapolation.ts";
import { fitShapes } from "./loss-fit.ts";
import type { LossWatch } from "./loss-watch.ts";

/**
 * When the job is expected to end, by the curve fitted to its losses (Domhan, Springenberg, Hutter, IJCAI 2015, with
 * shapes that are fitted in closed form): after the fall that is left is down to `minDelta` of the loss, and the share of
 * its steps that a plateau lasts. All of its steps where no rule would end it; undefined while losses are too few.
 */
export function outlook(watch: LossWatch): ExpectedEnd | undefined {
  const { options, steps, sums, from } = watch;
  const { plateau } = options;
  if (plateau === false) return undefined;
  const now = Math.max(watch.iteration, watch.evaluatedAt);
  const isEvaluated = options.losses === "evaluation";
  if (isEvaluated && watch.evaluatedAt === 0) return undefined;
  const fits = fitShapes(isEvaluated ? sums.evaluation : sums.training, decayShapes(steps));
  if (fits.length === 0) return undefined;
  const least = options.minDelta * fittedLoss(fits, now);
  const next = Math.min(steps, now + 1);
  const { predicted, low, high } = expectedEnd(fits, next, steps, least);
  const stopped = (k: number): number => Math.min(steps, Math.max(next, from, k + Math.ceil(plateau.share * steps)));
  return { low: Math.min(steps, Math.max(next, from, low)), predicted: stopped(predicted), high: stopped(high) };
}
