import { maximum, mean, sum } from "../../core/index.ts";
import type { EarlyStopping } from "../../plan/documents/early-stopping.ts";
import { type StopRule, startWatch, type Verdict, watchLosses } from "../../plan/index.ts";
import type { Curve } from "./curves.ts";

/** A rest that betters the best evaluation by no more than this share of it is not worth its iterations. */
export const WORTH = 0.01;
/** A curve is one to stop when at least this share of its iterations betters nothing. */
export const SHARE_TO_SAVE = 0.2;

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
  readonly isToStop: boolean;
}

/**
 * Stopping is right where what comes after it betters the best evaluation by no more than `WORTH` of it, and at any time
 * where no evaluation was ever finite.
 */
export function truthOf(curve: Curve): Truth {
  const best = bestSoFar(curve);
  const last = best.at(-1)!;
  if (!Number.isFinite(last)) return { givenUp: best.map(() => 0), rightFrom: 0, isToStop: true };
  const rightFrom = curve.every * (1 + best.findIndex((loss) => last >= loss * (1 - WORTH)));
  return {
    givenUp: best.map((loss) => loss / last - 1),
    rightFrom,
    isToStop: rightFrom <= (1 - SHARE_TO_SAVE) * curve.training.length,
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
  const { training, evaluation, every } = curve;
  const steps = training.length;
  let watch = startWatch({ options, steps });
  const verdicts: Verdict[] = [];
  for (let iteration = 1; iteration <= steps; iteration += 1) {
    const isEvaluated = withEvaluations && iteration % every === 0;
    const evaluated = isEvaluated ? { evaluation: evaluation[iteration / every - 1]! } : {};
    const said = watchLosses(watch, { iteration, training: training[iteration - 1]!, ...evaluated });
    watch = said.watch;
    verdicts.push(said.verdict);
    if (said.verdict.kind === "stop") return { curve, iterations: iteration, rule: said.verdict.rule, verdicts };
  }
  return { curve, iterations: steps, rule: null, verdicts };
}

export interface Score {
  readonly curves: number;
  readonly toStop: number;
  readonly stopped: number;
  readonly right: number;
  /** Of the stops, those that were right; 1 where there is none. */
  readonly precision: number;
  /** Of the curves to stop, those that were, rightly. */
  readonly recall: number;
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
  return truth.givenUp[Math.max(0, Math.floor(iterations / curve.every) - 1)]!;
}

export function scoreOf(ended: readonly Ended[]): Score {
  const all = sum(ended.map(({ curve }) => curve.training.length));
  const left = ({ curve, iterations }: Ended): number => curve.training.length - iterations;
  const stops = ended.filter((each) => left(each) > 0);
  const right = stops.filter(({ truth, iterations }) => iterations >= truth.rightFrom);
  const toStop = ended.filter(({ truth }) => truth.isToStop);
  const lost = ended.map(lossOf);
  return {
    curves: ended.length,
    toStop: toStop.length,
    stopped: stops.length,
    right: right.length,
    precision: stops.length === 0 ? 1 : right.length / stops.length,
    recall: toStop.length === 0 ? 1 : right.filter(({ truth }) => truth.isToStop).length / toStop.length,
    savedRightly: sum(right.map(left)) / all,
    saved: sum(stops.map(left)) / all,
    savable: sum(ended.map(({ curve, truth }) => curve.training.length - truth.rightFrom)) / all,
    meanGivenUp: mean(lost),
    mostGivenUp: maximum(lost),
  };
}

/** The predictor on all of some curves. */
export function scoreOptions(curves: readonly Curve[], options: EarlyStopping, withEvaluations = true): Score {
  return scoreOf(
    curves.map((curve) => ({
      curve,
      truth: truthOf(curve),
      iterations: watchCurve(curve, options, withEvaluations).iterations,
    })),
  );
}
