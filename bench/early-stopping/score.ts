import { maximum, mean, sum } from "../../core/index.ts";
import type { EarlyStopping } from "../../plan/documents/early-stopping.ts";
import { type StopRule, startWatch, type Verdict, watchLosses } from "../../plan/index.ts";
import type { Curve } from "./curves.ts";

/** A rest that betters the best evaluation by no more than this share of it is not worth its iterations. */
export const WORTH = 0.01;
/** A job is healthy if less than this share of its iterations, its last ones, betters nothing. */
const HEALTHY = 0.2;
/** It is hopeless if at least this share does. */
const HOPELESS = 0.5;

/** By evaluation, the best until then; infinite where none was finite. */
function bestSoFar({ evaluation }: Curve): readonly number[] {
  let best = Number.POSITIVE_INFINITY;
  return evaluation.map((loss) => {
    if (loss < best) best = loss;
    return best;
  });
}

/** What is true of a curve, from all of it. */
export interface Truth {
  /** By evaluation: (best until then) / (best of all) - 1, which is what stopping there gives up. */
  readonly givenUp: readonly number[];
  /** The first iteration after which stopping is right. */
  readonly rightFrom: number;
  readonly isHealthy: boolean;
  readonly isHopeless: boolean;
}

/**
 * Stopping is right where what comes after it betters the best evaluation by no more than `WORTH` of it, and at any time
 * where no evaluation was ever finite.
 */
export function truthOf(curve: Curve): Truth {
  const best = bestSoFar(curve);
  const last = best.at(-1)!;
  const steps = curve.training.length;
  const isEvaluated = Number.isFinite(last);
  const right = isEvaluated ? curve.every * (1 + best.findIndex((loss) => last >= loss * (1 - WORTH))) : 0;
  return {
    givenUp: best.map((loss) => (isEvaluated ? loss / last - 1 : 0)),
    rightFrom: right,
    isHealthy: right > (1 - HEALTHY) * steps,
    isHopeless: right <= (1 - HOPELESS) * steps,
  };
}

/** A curve as the predictor saw it: after how many iterations it was stopped, all where it was not. */
export interface Outcome {
  readonly curve: Curve;
  readonly iterations: number;
  readonly rule: StopRule | null;
  /** What was said after each iteration. */
  readonly verdicts: readonly Verdict[];
}

/** The predictor on a curve, which it is shown loss by loss. */
export function watchCurve(curve: Curve, options: EarlyStopping, withEvaluations = true): Outcome {
  const { training, evaluation, every, optimizer } = curve;
  const steps = training.length;
  let watch = startWatch({ options, steps, optimizer });
  const verdicts: Verdict[] = [];
  for (let iteration = 1; iteration <= steps; iteration += 1) {
    const after = withEvaluations && iteration % every === 0 ? evaluation[iteration / every - 1] : undefined;
    const evaluated = after === undefined ? {} : { evaluation: after };
    const said = watchLosses(watch, { iteration, training: training[iteration - 1]!, ...evaluated });
    watch = said.watch;
    verdicts.push(said.verdict);
    if (said.verdict.kind === "stop") return { curve, iterations: iteration, rule: said.verdict.rule, verdicts };
  }
  return { curve, iterations: steps, rule: null, verdicts };
}

export interface Score {
  readonly curves: number;
  readonly healthy: number;
  /** Healthy ones that were stopped before it was right. */
  readonly healthyStopped: number;
  readonly hopeless: number;
  /** Hopeless ones that were stopped, rightly. */
  readonly found: number;
  readonly stopped: number;
  readonly right: number;
  /** Of all iterations: not run, in stops that were right; in all stops; and what could have been saved at most. */
  readonly savedRightly: number;
  readonly saved: number;
  readonly savable: number;
  /** Over all curves, those that ran to their end with 0. */
  readonly meanGivenUp: number;
  readonly mostGivenUp: number;
}

/** A curve that got so many iterations. */
export interface Ended {
  readonly curve: Pick<Curve, "training" | "every">;
  readonly truth: Truth;
  readonly iterations: number;
}

function lossOf({ curve, truth, iterations }: Ended): number {
  if (iterations === curve.training.length) return 0;
  return truth.givenUp[Math.max(0, Math.floor(iterations / curve.every) - 1)]!;
}

export function scoreOf(ended: readonly Ended[]): Score {
  const all = sum(ended.map(({ curve }) => curve.training.length));
  const left = ({ curve, iterations }: Ended): number => curve.training.length - iterations;
  const isRight = ({ truth, iterations }: Ended): boolean => iterations >= truth.rightFrom;
  const stops = ended.filter((each) => left(each) > 0);
  const right = stops.filter(isRight);
  const lost = ended.map(lossOf);
  return {
    curves: ended.length,
    healthy: ended.filter(({ truth }) => truth.isHealthy).length,
    healthyStopped: stops.filter((each) => each.truth.isHealthy && !isRight(each)).length,
    hopeless: ended.filter(({ truth }) => truth.isHopeless).length,
    found: right.filter(({ truth }) => truth.isHopeless).length,
    stopped: stops.length,
    right: right.length,
    savedRightly: sum(right.map(left)) / all,
    saved: sum(stops.map(left)) / all,
    savable: sum(ended.map(({ curve, truth }) => curve.training.length - truth.rightFrom)) / all,
    meanGivenUp: mean(lost),
    mostGivenUp: maximum(lost),
  };
}

/** Who says after how many iterations a curve is stopped. */
export type Judge = (curve: Curve) => number;

export const byOptions =
  (options: EarlyStopping, withEvaluations = true): Judge =>
  (curve) =>
    watchCurve(curve, options, withEvaluations).iterations;

export function scoreJudge(curves: readonly Curve[], judge: Judge): Score {
  return scoreOf(curves.map((curve) => ({ curve, truth: truthOf(curve), iterations: judge(curve) })));
}
