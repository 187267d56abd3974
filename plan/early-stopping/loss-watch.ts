import type { EarlyStopping } from "../documents/early-stopping.ts";
import { decayShapes } from "./decay-shapes.ts";
import { type LowestMedian, lowestMedian } from "./divergence.ts";
import { type LossSums, noSums, withObserved } from "./loss-fit.ts";
import { type BestEvaluation, bestEvaluation } from "./patience.ts";
import { type RecentLosses, withLoss } from "./recent-losses.ts";
import type { Stop } from "./verdict.ts";

/** What is watched: a job's options, and its steps. */
export interface WatchedJob {
  readonly options: EarlyStopping;
  readonly steps: number;
}

/** What is known of a job's losses so far: data that JSON can hold, whose size does not grow with the iterations. */
export interface LossWatch extends WatchedJob {
  /** The last iteration whose training loss has been seen, from 1; 0 before. */
  readonly iteration: number;
  /** The last one after which there was an evaluation. */
  readonly evaluatedAt: number;
  /** Iterations from the last evaluation but one, or from the start, to the last. */
  readonly evaluationGap: number;
  readonly recent: RecentLosses;
  readonly lowest: LowestMedian | null;
  readonly best: BestEvaluation | null;
  /** What curves are fitted to. */
  readonly sums: { readonly training: LossSums; readonly evaluation: LossSums };
  /** Losses in a row after which the fitted curve said that the rest betters nothing. */
  readonly confirmed: number;
  /** Once the job was to stop: that is what every later loss gets. */
  readonly stop: Stop | null;
}

/** A watch that has seen nothing. */
export function startWatch({ options, steps }: WatchedJob): LossWatch {
  const sums = noSums(decayShapes(steps));
  return {
    ...{ options, steps, iteration: 0, evaluatedAt: 0, evaluationGap: 0, recent: [], lowest: null, best: null },
    ...{ sums: { training: sums, evaluation: sums }, confirmed: 0, stop: null },
  };
}

/** Losses whose noise is estimated, where no rule looks at more. */
const LEAST_RECENT = 16;

/** How many of the latest training losses the rules look at. */
function mostRecent({ divergence, plateau }: EarlyStopping): number {
  return Math.max(LEAST_RECENT, divergence === false ? 0 : divergence.window, plateau === false ? 0 : plateau.window);
}

export function withTraining(watch: LossWatch, iteration: number, loss: number): LossWatch {
  const { options, steps, sums } = watch;
  const { divergence } = options;
  const recent = withLoss(watch.recent, loss, mostRecent(options));
  return {
    ...watch,
    ...{ iteration, recent },
    lowest: divergence === false ? null : lowestMedian(watch.lowest, recent, divergence),
    sums: { ...sums, training: withObserved(sums.training, decayShapes(steps), iteration, loss) },
  };
}

export function withEvaluation(watch: LossWatch, iteration: number, loss: number): LossWatch {
  const { options, steps, sums } = watch;
  return {
    ...watch,
    evaluatedAt: iteration,
    evaluationGap: iteration - watch.evaluatedAt,
    best: bestEvaluation(watch.best, iteration, loss, options.minDelta),
    sums: { ...sums, evaluation: withObserved(sums.evaluation, decayShapes(steps), iteration, loss) },
  };
}
