import type { EarlyStopping } from "../documents/early-stopping.ts";
import { type BestLoss, bestLoss } from "./best-loss.ts";
import { decayShapes } from "./decay-shapes.ts";
import { medianWindow, NO_RISE, type RiseWatch, withRise } from "./divergence.ts";
import type { ExpectedEnd } from "./extrapolation.ts";
import { firstVerdict, type RatedOptimizer } from "./first-verdict.ts";
import { type LossSums, noSums, withObserved } from "./loss-fit.ts";
import { type LossPoints, noPoints, withPoint } from "./loss-points.ts";
import { type RecentLosses, withLoss } from "./recent-losses.ts";
import type { Stop } from "./verdict.ts";

/** What is watched: a job's options, its steps, and what its learning rates follow from. */
export interface WatchedJob {
  readonly options: EarlyStopping;
  readonly steps: number;
  readonly optimizer?: RatedOptimizer;
}

/** What is known of a job's losses so far: data that JSON can hold, whose size does not grow with the iterations. */
export interface LossWatch extends Omit<WatchedJob, "optimizer"> {
  /** The iteration after which a divergence stops it, and the one after which its losses may say that the rest betters nothing. */
  readonly warmup: number;
  readonly from: number;
  /** The last iteration whose training loss has been seen, from 1; 0 before. */
  readonly iteration: number;
  /** The last one after which there was an evaluation. */
  readonly evaluatedAt: number;
  readonly recent: RecentLosses;
  readonly rise: RiseWatch;
  /** The losses that plateau and patience go by, and the best of them. */
  readonly judged: LossPoints;
  readonly best: BestLoss | null;
  /** What curves are fitted to. */
  readonly sums: { readonly training: LossSums; readonly evaluation: LossSums };
  /** When it is expected to end, by the losses that it is judged by. */
  readonly expected: ExpectedEnd | null;
  /** Once the job was to stop: that is what every later loss gets. */
  readonly stop: Stop | null;
}

/** Training losses that one point is the mean of, as a share of a job's steps. */
const TRAINING_POINT = 1 / 128;

/** A watch that has seen nothing. */
export function startWatch({ options, steps, optimizer }: WatchedJob): LossWatch {
  const sums = noSums(decayShapes(steps));
  const each = options.losses === "training" ? Math.max(1, Math.round(TRAINING_POINT * steps)) : 1;
  const warmup = Math.max(options.warmupSteps, optimizer?.schedule?.warmupSteps ?? 0);
  const from = Math.max(warmup, optimizer === undefined ? 0 : firstVerdict(optimizer, steps));
  return {
    ...{ options, steps, warmup, from, iteration: 0, evaluatedAt: 0, recent: [], rise: NO_RISE },
    ...{ judged: noPoints(each), best: null, sums: { training: sums, evaluation: sums }, expected: null, stop: null },
  };
}

function withJudged(watch: LossWatch, iteration: number, loss: number): LossWatch {
  const judged = withPoint(watch.judged, iteration, loss);
  if (judged.points === watch.judged.points) return { ...watch, judged };
  const point = judged.points.at(-1)!;
  return { ...watch, judged, best: bestLoss(watch.best, point.at, point.loss, watch.options.minDelta) };
}

export function withTraining(watch: LossWatch, iteration: number, loss: number): LossWatch {
  const { options, steps, sums } = watch;
  const recent = withLoss(watch.recent, loss, Math.max(16, medianWindow(steps)));
  const seen: LossWatch = {
    ...watch,
    ...{ iteration, recent },
    rise: options.divergence === false ? NO_RISE : withRise(watch.rise, recent, iteration, steps, options.divergence),
    sums: { ...sums, training: withObserved(sums.training, decayShapes(steps), iteration, loss) },
  };
  return options.losses === "training" ? withJudged(seen, iteration, loss) : seen;
}

export function withEvaluation(watch: LossWatch, iteration: number, loss: number): LossWatch {
  const { options, steps, sums } = watch;
  const seen: LossWatch = {
    ...watch,
    evaluatedAt: iteration,
    sums: { ...sums, evaluation: withObserved(sums.evaluation, decayShapes(steps), iteration, loss) },
  };
  return options.losses === "training" ? seen : withJudged(seen, iteration, loss);
}
