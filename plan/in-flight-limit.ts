import { maximum, PlanError } from "../core/index.ts";
import { type Candidate, type Costed, candidate, costsOf, type Draft, fits, memoryOf } from "./draft.ts";
import { miniBatches } from "./mini-batch.ts";
import { SCHEDULE_TABLE } from "./schedules/schedules.ts";

/** Steps of each group that the search for an in-flight limit looks at. */
const PROBE_STEPS = 6;
/** A limit is as good as none when the run takes at most this much longer. */
const PROBE_TOLERANCE = 0.002;

/** The smallest limit that costs no time, or the largest one that fits. Judged on the first steps. */
function searchLimit(request: Costed, draft: Draft): number | null {
  const probe: Draft = {
    ...draft,
    microBatches: draft.microBatches.filter((microBatch) => microBatch.step < PROBE_STEPS),
  };
  const costs = costsOf(request, probe);
  const known = new Map<number, Candidate>();
  const limited = (limit: number): Candidate => {
    const found = known.get(limit) ?? candidate(probe, costs, limit);
    known.set(limit, found);
    return found;
  };
  const unlimited = candidate(probe, costs, null);
  const most = unlimited.inFlight[0]!;
  let chosen: number | null = null;
  for (let limit = Math.min(most, draft.stages.length); limit <= most; limit += 1) {
    chosen = limit;
    if (limited(limit).makespanNs <= unlimited.makespanNs * (1 + PROBE_TOLERANCE)) break;
  }
  while (chosen !== null && chosen > 1 && !fits(request, draft, memoryOf(request, draft, limited(chosen)))) chosen -= 1;
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
