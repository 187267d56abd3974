import type { CapacityHeadroom } from "../plan/index.ts";
import { candidateFleet } from "./candidate-fleet.ts";
import { withJobs } from "./changed-question.ts";
import { expectedJobs } from "./draw-jobs.ts";
import { type CapacityRequest, judgeInput, MOST_JOBS } from "./find-capacity.ts";
import { type JudgedCandidate, judgeAll } from "./judge-candidate.ts";

/** Times as many jobs that are tried, until the level is missed. */
const TRIED = [1.1, 1.25, 1.5, 2, 3] as const;
/** Of each: what is asked is how far the machines reach. */
const DRAWS = 5;

/** How many more jobs the best machines train, each kind growing as the others do. */
export function headroomOf(best: JudgedCandidate, request: CapacityRequest): CapacityHeadroom {
  const { forecast, drawing } = request;
  const draws = Math.min(DRAWS, drawing.draws);
  let [kept, missed]: [number, number | null] = [1, null];
  for (const times of TRIED) {
    const { ahead: _ahead, seen: _seen, ...question } = withJobs(request, times);
    if (draws * expectedJobs(question.forecast).jobs > MOST_JOBS) break;
    const few = { ...question, drawing: { ...drawing, draws }, mostDraws: draws };
    const known = candidateFleet(best.candidate, few);
    if (!("fleet" in known)) break;
    if (!judgeAll(known, judgeInput(few)).judgement.meets) {
      missed = times;
      break;
    }
    kept = times;
  }
  const { growthPerMonth: growth } = forecast;
  return { kept, missed, draws, months: growth > 1 ? Math.log(kept) / Math.log(growth) : null };
}
