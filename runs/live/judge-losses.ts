import {
  type AdapterPair,
  adapterDivergence,
  type Divergence,
  divergenceText,
  type EvaluationMetrics,
  type StepMetrics,
} from "../../exec/index.ts";
import { type SeenLosses, watchLosses } from "../../plan/index.ts";
import { type JournalEvent, jobStopped } from "../folder/journal.ts";
import type { KeptJob } from "./kept-job.ts";

/** Of a job's iterations: predictions of its end that differ by less are one. */
const LEAST_CHANGE = 0.1;

/** A job has made a step. */
export function judgeStep(kept: KeptJob, { step, loss }: StepMetrics): void {
  kept.loss = loss;
  kept.done = Math.max(kept.done, step + 1);
  judgeLosses(kept, { iteration: step + 1, training: loss });
}

/** It was evaluated. */
export function judgeEvaluation(kept: KeptJob, { step, evaluationLoss, best }: EvaluationMetrics): void {
  kept.evaluationLoss = evaluationLoss;
  if (best) kept.best = { step, evaluationLoss };
  judgeLosses(kept, { iteration: step + 1, evaluation: evaluationLoss });
}

/**
 * What a job's losses say: that it is to be stopped, since they are not finite, which no job comes back from; and of one
 * that may be stopped early by whatever else they say, or that it ends sooner than was thought.
 */
function judgeLosses(kept: KeptJob, losses: SeenLosses): void {
  const { watch, number } = kept;
  // What was to stop it stays, and is told once.
  if (watch.stop !== null) return;
  const seen = watchLosses(watch, losses);
  kept.watch = seen.watch;
  const { verdict } = seen;
  if (verdict.kind === "stop") {
    kept.follows = [{ kind: "stop", number, by: "early-stopping", why: verdict.why }];
    return;
  }
  const predicted = Math.round(verdict.predicted);
  // Each change is a decision of its own: small ones are not worth it.
  if (Math.abs(predicted - kept.predicted) <= LEAST_CHANGE * kept.iterations) return;
  kept.predicted = predicted;
  kept.follows = [{ kind: "predicted", number, predicted }];
}

/** A job that the executor has stopped is to leave, unless its losses have said so already. What happened, for the journal. */
export function judgeDivergence(kept: KeptJob, divergence: Divergence): JournalEvent {
  kept.isDiverged = true;
  const happened = jobStopped(kept.job.name, divergence);
  if (kept.watch.stop !== null) return happened;
  const why = divergenceText(divergence);
  kept.watch = { ...kept.watch, stop: { kind: "stop", rule: "not-finite", why } };
  kept.follows = [{ kind: "stop", number: kept.number, by: "early-stopping", why }];
  return happened;
}

/** The same of a job whose adapter is about to be written and is not finite; undefined where there is nothing to say. */
export function judgeAdapter(kept: KeptJob, pairs: readonly AdapterPair[]): JournalEvent | undefined {
  const divergence = kept.isDiverged || kept.done === 0 ? undefined : adapterDivergence(kept.done - 1, pairs);
  return divergence === undefined ? undefined : judgeDivergence(kept, divergence);
}

/** A job is over since it has trained all its iterations, or was stopped by a divergence, be it in its last ones. */
export function judgeEnd(kept: KeptJob): void {
  kept.standing = kept.isDiverged ? "stopped" : "ended";
  if (kept.isDiverged) kept.why = kept.watch.stop?.why ?? kept.why;
}
