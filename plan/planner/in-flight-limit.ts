import { maximum, PlanError } from "../../core/index.ts";
import { miniBatches } from "../mini-batch.ts";
import { SCHEDULE_TABLE } from "../schedules/schedules.ts";
import {
  type Candidate,
  type Costed,
  candidate,
  costsOf,
  type Draft,
  firstSteps,
  fits,
  memoryOf,
  PROBE_STEPS,
} from "./draft.ts";

/** A limit is as good as none when the run takes at most this much longer. */
const PROBE_TOLERANCE = 0.002;

/**
 * A limit that costs no time, with which one less does (from the number of stages upwards, by bisection), or the largest one below it that fits. Judged
 * on the first steps.
 */
function searchLimit(request: Costed, draft: Draft): number {
  const probe = firstSteps(draft, PROBE_STEPS);
  const costs = costsOf(request, probe);
  const known = new Map<number, Candidate>();
  const limited = (limit: number): Candidate => {
    const found = known.get(limit) ?? candidate(probe, costs, limit);
    known.set(limit, found);
    return found;
  };
  const unlimited = candidate(probe, costs, null);
  const isEnough = (limit: number): boolean =>
    limited(limit).makespanNs <= unlimited.makespanNs * (1 + PROBE_TOLERANCE);
  let enough = unlimited.inFlight[0]!;
  let tooLow = Math.min(enough, draft.stages.length) - 1;
  for (let limit = tooLow + 1; enough - tooLow > 1; limit = (tooLow + enough) >> 1) {
    if (isEnough(limit)) enough = limit;
    else tooLow = limit;
  }
  let chosen = enough;
  while (chosen > 1 && !fits(request, draft, memoryOf(request, draft, limited(chosen)))) chosen -= 1;
  return chosen;
}

/** The in-flight limit that a request asks for or leaves to us; null for none. @throws PlanError for one that the schedule cannot keep. */
export function chooseLimit(request: Costed, draft: Draft): number | null {
  const entry = SCHEDULE_TABLE[request.schedule];
  const { maxInFlight } = request;
  if (typeof maxInFlight === "number" && entry.needsWholeMiniBatch) {
    const parts = maximum(
      miniBatches(draft).flatMap((steps) => steps.map((miniBatch) => miniBatch.microBatches.length)),
    );
    if (maxInFlight < parts)
      throw new PlanError({
        expected: `an in-flight limit of at least ${parts} for schedule ${request.schedule}, which holds a whole mini-batch`,
        at: "--max-in-flight",
        got: maxInFlight,
      });
  }
  if (typeof maxInFlight === "number") return maxInFlight;
  return maxInFlight === "auto" && entry.interleavesGroups ? searchLimit(request, draft) : null;
}
