import { InvariantError } from "../../core/index.ts";
import { divergence } from "./divergence.ts";
import { type LossWatch, withEvaluation, withTraining } from "./loss-watch.ts";
import { notFinite } from "./not-finite.ts";
import { extrapolation, goesByEvaluations, type Outlook, outlook } from "./outlook.ts";
import { patience } from "./patience.ts";
import { plateau } from "./plateau.ts";
import type { GoOn, Stop, Verdict } from "./verdict.ts";

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

/** What the losses add to the watch, and what the curve fitted to them all says. */
function observe(watch: LossWatch, { iteration, training, evaluation }: SeenLosses): [LossWatch, Outlook | undefined] {
  let seen = training === undefined ? watch : withTraining(watch, iteration, training);
  if (evaluation !== undefined) seen = withEvaluation(seen, iteration, evaluation);
  const { extrapolate } = watch.options;
  if (extrapolate === false) return [seen, undefined];
  const found = outlook(seen, extrapolate);
  // Losses that the curve was not fitted to confirm nothing.
  if (found === undefined || (goesByEvaluations(seen) && evaluation === undefined)) return [seen, found];
  return [{ ...seen, confirmed: found.probability < extrapolate.probability ? seen.confirmed + 1 : 0 }, found];
}

/** Whether evaluations got better within the time in which the training loss may have stopped falling. */
function evaluationsGetBetter({ best, iteration }: LossWatch, window: number): boolean {
  return best !== null && iteration - best.iteration < window;
}

/** The first rule that stops the job, of those that its options have. */
function stopOf(watch: LossWatch): Stop | undefined {
  const { options, recent, lowest, best } = watch;
  return (
    (options.divergence === false ? undefined : divergence(lowest, recent, options.divergence)) ??
    (options.patience === false ? undefined : patience(best, options.patience)) ??
    (options.plateau === false || evaluationsGetBetter(watch, options.plateau.window)
      ? undefined
      : plateau(recent, options.minDelta, options.plateau)) ??
    (options.extrapolate === false ? undefined : extrapolation(watch, options.extrapolate))
  );
}

/**
 * Takes losses as they become known, and says whether the job goes on. Training losses come in the order of their
 * iterations, evaluation losses too, which may be behind; the same losses in the same order give the same verdicts.
 * Before `warmupSteps` iterations only a loss that is not finite stops a job, nothing does after its last one, and once
 * the verdict is to stop it stays.
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
  const [seen, found] = observe(watch, losses);
  const { iteration, steps, options } = seen;
  const mayStop = iteration >= options.warmupSteps && iteration < steps;
  const stop = mayStop ? stopOf(seen) : undefined;
  if (stop !== undefined) return { watch: { ...seen, stop }, verdict: stop };
  const low = Math.min(steps, Math.max(iteration + 1, options.warmupSteps));
  const goOn: GoOn = { kind: "go-on", ...(found?.end ?? { predicted: steps, low, high: steps }) };
  return { watch: seen, verdict: goOn };
}
