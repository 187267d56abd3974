import { InvariantError } from "../../core/index.ts";
import { divergence } from "./divergence.ts";
import { type LossWatch, withEvaluation, withTraining } from "./loss-watch.ts";
import { notFinite } from "./not-finite.ts";
import { outlook } from "./outlook.ts";
import { patience } from "./patience.ts";
import { plateau } from "./plateau.ts";
import type { Stop, Verdict } from "./verdict.ts";

/** Losses that have become known: an iteration's training loss, the evaluation loss after it, or both. */
export interface SeenLosses {
  /** From 1. */
  readonly iteration: number;
  readonly training?: number;
  readonly evaluation?: number;
}

function checkOrder({ iteration, evaluatedAt, steps }: LossWatch, seen: SeenLosses): void {
  const after = Math.max(seen.training === undefined ? 0 : iteration, seen.evaluation === undefined ? 0 : evaluatedAt);
  if (Number.isSafeInteger(seen.iteration) && seen.iteration > after && seen.iteration <= steps) return;
  throw new InvariantError({ expected: `losses of an iteration from ${after + 1} to ${steps}`, got: seen.iteration });
}

/** What the losses add to the watch. */
function observe(watch: LossWatch, { iteration, training, evaluation }: SeenLosses): LossWatch {
  const seen = training === undefined ? watch : withTraining(watch, iteration, training);
  return evaluation === undefined ? seen : withEvaluation(seen, iteration, evaluation);
}

/** The first rule that stops the job, of those that its options have. `isJudged`: there is another loss to go by. */
function stopOf({ options, ...watch }: LossWatch, isJudged: boolean): Stop | undefined {
  const { recent, rise, judged, best, iteration, steps, from } = watch;
  const diverged = options.divergence === false ? undefined : divergence(rise, recent, iteration, steps);
  if (diverged !== undefined || !isJudged || best === null || iteration < from) return diverged;
  const { minDelta } = options;
  return (
    (options.patience === false ? undefined : patience(best, options.patience, minDelta)) ??
    (options.plateau === false
      ? undefined
      : plateau({ points: judged.points, best, steps, from, minDelta }, options.plateau))
  );
}

/**
 * Takes losses as they become known, and says whether the job goes on. Training losses come in the order of their
 * iterations, evaluation losses too, which may be behind; the same losses in the same order give the same verdicts.
 * Before `warmupSteps` iterations and within the warm-up of its learning rate only a loss that is not finite stops a job,
 * nothing does after its last one, and once the verdict is to stop it stays.
 * @throws InvariantError for iterations out of order, or beyond the job's steps
 */
export function watchLosses(
  watch: LossWatch,
  losses: SeenLosses,
): { readonly watch: LossWatch; readonly verdict: Verdict } {
  if (watch.stop !== null) return { watch, verdict: watch.stop };
  checkOrder(watch, losses);
  const broken = notFinite("training", losses.training) ?? notFinite("evaluation", losses.evaluation);
  if (broken !== undefined) return { watch: { ...watch, stop: broken }, verdict: broken };
  const observed = observe(watch, losses);
  const isJudged = observed.judged.points !== watch.judged.points;
  const seen = isJudged ? { ...observed, expected: outlook(observed) ?? null } : observed;
  const { iteration, steps, warmup, expected } = seen;
  const stop = iteration >= warmup && iteration < steps ? stopOf(seen, isJudged) : undefined;
  if (stop !== undefined) return { watch: { ...seen, stop }, verdict: stop };
  const least = Math.min(steps, Math.max(iteration + 1, warmup));
  const { predicted, low, high } = expected ?? { predicted: steps, low: least, high: steps };
  const after = (end: number): number => Math.max(end, least);
  return { watch: seen, verdict: { kind: "go-on", predicted: after(predicted), low: after(low), high: after(high) } };
}
