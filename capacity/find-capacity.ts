import { InputError, mean } from "../core/index.ts";
import type { Candidate } from "../plan/index.ts";
import { type CandidateFleet, type CapacityWorld, candidateFleet, type Unfit } from "./candidate-fleet.ts";
import { drawForecast, expectedJobs } from "./draw-jobs.ts";
import {
  type BoundedCandidate,
  boundCandidate,
  type JudgedCandidate,
  type JudgeInput,
  judgeCandidate,
  mostMissed,
} from "./judge-candidate.ts";
import { levelGroups } from "./level.ts";

export interface CapacityRequest extends CapacityWorld {
  readonly candidates: readonly Candidate[];
  /** Of arrivals and of the model's error, by which it is known how sure an answer is. */
  readonly draws: number;
  /** The share of draws in which the level is to be kept. */
  readonly probability: number;
  /** Every candidate is simulated, whatever its bounds say. */
  readonly isExhaustive?: boolean;
  readonly onProgress?: (done: number, all: number) => void;
}

/** Why a candidate was not simulated: no scheduler keeps the level there, or it costs more than others that do. */
export interface PrunedCandidate extends BoundedCandidate {
  readonly why: "cannot keep the level" | "costs more";
}

export interface CapacityAnswer {
  /** Those that meet the level, the cheapest first. */
  readonly meets: readonly JudgedCandidate[];
  /** Those that were simulated and miss it. */
  readonly misses: readonly JudgedCandidate[];
  readonly pruned: readonly PrunedCandidate[];
  readonly unfit: readonly Unfit[];
}

export function meanCost({ draws }: JudgedCandidate): number {
  return mean(draws.map(({ cost }) => cost.total));
}

/** Who costs the same to the cent may go first for another reason. */
const CENT = 0.01;

/** So many of the cheapest are to be found: what is recommended, and what comes next. */
const WANTED = 2;

/** Jobs of all draws, which are held at once. */
const MOST_JOBS = 2_000_000;

/** @throws InputError for more jobs than can be held */
export function judgeInput(request: CapacityRequest): JudgeInput {
  const { forecast, draws, probability } = request;
  const all = draws * expectedJobs(forecast).jobs;
  if (all > MOST_JOBS)
    throw new InputError({
      expected: `at most ${MOST_JOBS} jobs in all draws of the forecast`,
      got: `${Math.round(all)} in ${draws} draws`,
      hint: "Fewer days or draws say the same sooner.",
    });
  const drawn = Array.from({ length: draws }, (_, draw) => drawForecast(forecast, draw));
  return { draws: drawn, groups: levelGroups(forecast), hours: 24 * forecast.days, probability, seen: new Map() };
}

/**
 * In the order of what they cost, to the cent; of those that cost the same, the fewest accelerators first, in the smallest
 * slots. They are told apart by their text, so that the order is one.
 */
function byCost<Each extends CandidateFleet>(costOf: (each: Each) => number): (a: Each, b: Each) => number {
  const cents = (each: Each): number => Math.round(100 * costOf(each));
  return (a, b) =>
    cents(a) - cents(b) ||
    a.candidate.count - b.candidate.count ||
    a.candidate.slot - b.candidate.slot ||
    (JSON.stringify(a.candidate) < JSON.stringify(b.candidate) ? -1 : 1);
}

/**
 * The cheapest candidates that keep the level of service. Candidates are simulated in the order of what they cost at
 * least, and no further than to where the next ones cost more than those that were found.
 */
export function findCapacity(request: CapacityRequest, input = judgeInput(request)): CapacityAnswer {
  const { candidates, isExhaustive = false, onProgress = () => {} } = request;
  const known = candidates.map((candidate) => candidateFleet(candidate, request));
  const isFit = (each: CandidateFleet | Unfit): each is CandidateFleet => "fleet" in each;
  const bounded = known.filter(isFit).map((each) => boundCandidate(each, input));
  bounded.sort(byCost(({ leastCost }) => leastCost));
  const [meets, misses, pruned]: [JudgedCandidate[], JudgedCandidate[], PrunedCandidate[]] = [[], [], []];
  const most = mostMissed(input);
  bounded.forEach((each, index) => {
    onProgress(index, bounded.length);
    const limit = meets.length < WANTED ? Number.POSITIVE_INFINITY : meanCost(meets[WANTED - 1]!);
    if (!isExhaustive && each.numLost > most) pruned.push({ ...each, why: "cannot keep the level" });
    else if (!isExhaustive && each.leastCost > limit + CENT) pruned.push({ ...each, why: "costs more" });
    else {
      const judged = judgeCandidate(each, input);
      (judged.meets ? meets : misses).push(judged);
      meets.sort(byCost(meanCost));
    }
  });
  onProgress(bounded.length, bounded.length);
  return { meets, misses, pruned, unfit: known.filter((each): each is Unfit => !isFit(each)) };
}
