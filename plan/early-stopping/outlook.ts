import type { EarlyStopping } from "../documents/early-stopping.ts";
import { decayShapes } from "./decay-shapes.ts";
import { type ExpectedEnd, expectedEnd, fittedLoss, probabilityOfFall } from "./extrapolation.ts";
import { fitShapes } from "./loss-fit.ts";
import type { LossWatch } from "./loss-watch.ts";
import type { Stop } from "./verdict.ts";

type Extrapolate = Exclude<EarlyStopping["extrapolate"], false>;

/** Whether the curve is fitted to evaluation losses: as soon as there is one. */
export function goesByEvaluations({ evaluatedAt }: LossWatch): boolean {
  return evaluatedAt > 0;
}

/** What the fitted curve says of the rest of the job. */
export interface Outlook {
  /** That the rest betters the loss by more than `minDelta`. */
  readonly probability: number;
  readonly end: ExpectedEnd;
}

/**
 * The rest of a job by the curve fitted to its losses; undefined while they are too few. The job's end is expected where
 * the fall that is left is down to `minDelta` of the loss, and has been so for the losses that confirm it.
 */
export function outlook(watch: LossWatch, { confirmations }: Extrapolate): Outlook | undefined {
  const { options, steps, sums } = watch;
  const now = Math.max(watch.iteration, watch.evaluatedAt);
  const fits = fitShapes(goesByEvaluations(watch) ? sums.evaluation : sums.training, decayShapes(steps));
  if (fits.length === 0) return undefined;
  const least = options.minDelta * fittedLoss(fits, now);
  const next = Math.min(steps, Math.max(now + 1, options.warmupSteps));
  const { predicted, low, high } = expectedEnd(fits, next, steps, least);
  const confirmed = (k: number): number =>
    Math.min(steps, k + (confirmations - 1) * (goesByEvaluations(watch) ? watch.evaluationGap : 1));
  return {
    probability: probabilityOfFall(fits, now, steps, least),
    // What is confirmed already may end next.
    end: { low, predicted: confirmed(predicted), high: confirmed(high) },
  };
}

/**
 * The rest of the job is not worth its time: the probability that it betters the loss by more than `minDelta` was below
 * `probability` after each of the last `confirmations` losses that the curve was fitted to. The predictive termination
 * of Domhan, Springenberg and Hutter (IJCAI 2015), with shapes that are fitted in closed form instead of sampled.
 */
export function extrapolation(
  { options: { minDelta }, steps, iteration, confirmed }: LossWatch,
  { probability, confirmations }: Extrapolate,
): Stop | undefined {
  if (confirmed < confirmations) return undefined;
  const [share, chance] = [minDelta, probability].map((part) => `${Number((100 * part).toPrecision(3))} %`);
  return {
    kind: "stop",
    rule: "extrapolation",
    why: `the ${steps - iteration} iterations left would better its loss by ${share} with a probability below ${chance}`,
  };
}
