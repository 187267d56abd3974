import { type SeenLosses, watchLosses } from "../plan/index.ts";
import type { KeptJob } from "./kept-job.ts";

/** Of a job's iterations: predictions of its end that differ by less are one. */
const LEAST_CHANGE = 0.1;

/**
 * What a job's losses say: that it is to be stopped, since they are not finite, which no job comes back from; and of one
 * that may be stopped early by whatever else they say, or that it ends sooner than was thought.
 */
export function judgeLosses(kept: KeptJob, losses: SeenLosses): void {
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
