import { type SeenLosses, watchLosses } from "../plan/index.ts";
import type { KeptJob } from "./kept-job.ts";

/** Of a job's iterations: predictions of its end that differ by less are one. */
const LEAST_CHANGE = 0.1;

/** What a job's losses say, where it may be stopped early: that it ends sooner than was thought, or is to be stopped. */
export function judgeLosses(kept: KeptJob, losses: SeenLosses): void {
  const { watch, number } = kept;
  // What was to stop it stays, and is told once.
  if (watch === undefined || watch.stop !== null) return;
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
