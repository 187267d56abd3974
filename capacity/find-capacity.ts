import { InputError, mean } from "../core/index.ts";
import type { Candidate, CapacityObjective, UnfitCandidate } from "../plan/index.ts";
import { type CandidateFleet, type CapacityWorld, candidateFleet } from "./candidate-fleet.ts";
import { type DrawnJob, drawForecast, expectedJobs } from "./draw-jobs.ts";
import {
  type BoundedCandidate,
  boundCandidate,
  type JudgedCandidate,
  type JudgeInput,
  judgeCandidate,
} from "./judge-candidate.ts";
import { surelyMisses } from "./judge-rule.ts";
import { levelGroups } from "./level.ts";
import { soldCount } from "./money.ts";
import { GRAIN } from "./objective.ts";
import { type SeenDraw, type SeenDraws, simulatedAs } from "./simulated-draws.ts";

/** Who simulates candidates before it is their turn, some at once. */
export interface Ahead {
  /** So many are asked for at once. */
  readonly batch: number;
  /** All draws of each that are needed to judge it (`judgeCandidate`) with jobs of some kinds, by their names. */
  simulate(
    candidates: readonly Candidate[],
    of: Pick<CapacityWorld, "forecast" | "kinds">,
  ): Promise<Iterable<readonly [string, SeenDraw]>>;
}

export interface CapacityRequest extends CapacityWorld {
  readonly candidates: readonly Candidate[];
  /** Draws of a candidate whose share is near the one that is to be kept, at most; rounds of `drawing`, as many as fit. */
  readonly mostDraws: number;
  /** The share of draws in which the level is to be kept. */
  readonly probability: number;
  readonly objective: CapacityObjective;
  /**
   * So many of the best are to be found that are no ties, if not more; what is recommended, and what comes next, where
   * absent.
   */
  readonly wanted?: number;
  /** Every candidate is simulated, whatever its bounds say. */
  readonly isExhaustive?: boolean;
  /** What was simulated before, of the same forecast, prices and catalog; what is simulated now is added. */
  readonly seen?: SeenDraws;
  /** The answer is the same without. */
  readonly ahead?: Ahead;
  readonly onProgress?: (done: number, all: number) => void;
  /** Awaited between candidates that are laid out, so that others get a turn, such as who hears signals. */
  readonly breathe?: () => Promise<void>;
}

/** Why a candidate was not simulated: no scheduler keeps the level there, or it comes behind others that do. */
export interface PrunedCandidate extends BoundedCandidate {
  readonly why: "cannot keep the level" | "comes behind";
}

export interface FoundCandidates {
  /** Those that meet the level, the best first. */
  readonly meets: readonly JudgedCandidate[];
  /** Those that were simulated and miss it. */
  readonly misses: readonly JudgedCandidate[];
  readonly pruned: readonly PrunedCandidate[];
  readonly unfit: readonly UnfitCandidate[];
}

export function meanCost({ draws }: JudgedCandidate): number {
  return mean(draws.map(({ cost }) => cost.total));
}

/**
 * Whether two candidates are the same to whoever pays: slots of one accelerator, had in one way, that cost as much to the
 * cent. On demand nobody pays for slots that do not train, and policies do not differ where no job waits.
 */
export function isTie(a: JudgedCandidate, b: JudgedCandidate): boolean {
  const had = ({ candidate: { accelerator, slot, precision, tenure } }: JudgedCandidate): string =>
    [accelerator, slot, precision, tenure].join();
  return had(a) === had(b) && Math.abs(meanCost(a) - meanCost(b)) < GRAIN.cost / 2;
}

/** The first of each set of equal ones, in order. */
function withoutTies(meets: readonly JudgedCandidate[]): readonly JudgedCandidate[] {
  const first: JudgedCandidate[] = [];
  for (const each of meets) if (!first.some((other) => isTie(each, other))) first.push(each);
  return first;
}

/** Jobs of all draws, which are held at once. */
export const MOST_JOBS = 2_000_000;

/** @throws InputError for more jobs than can be held */
export function judgeInput(
  request: Pick<CapacityRequest, "forecast" | "drawing" | "mostDraws" | "probability" | "objective" | "seen">,
): JudgeInput {
  const { forecast, drawing, mostDraws, probability, objective, seen = new Map() } = request;
  const { draws, seed } = drawing;
  const { jobs } = expectedJobs(forecast);
  const all = draws * jobs;
  if (all > MOST_JOBS)
    throw new InputError({
      expected: `at most ${MOST_JOBS} jobs in all draws of the forecast`,
      got: `${Math.round(all)} in ${draws} draws`,
      hint: "Fewer days or draws say the same sooner.",
    });
  // All draws are held, so that many jobs have fewer rounds.
  const rounds = Math.max(1, Math.floor(Math.min(mostDraws, MOST_JOBS / Math.max(jobs, 1)) / draws));
  const held: (readonly DrawnJob[])[] = [];
  const jobsOf = (draw: number): readonly DrawnJob[] => {
    held[draw] ??= drawForecast(forecast, draw, seed);
    return held[draw];
  };
  return {
    ...{ objective, hours: 24 * forecast.days, seen, bounds: new Map(), groups: levelGroups(forecast) },
    ...{ draws: Array.from({ length: draws }, (_, draw) => jobsOf(draw)), jobsOf },
    rule: { probability, round: draws, most: rounds * draws },
  };
}

/**
 * In the order of what they come to by the objective; of those that come to the same, the cheapest first, then those with
 * the fewest accelerators to pay for, of these those that use the most, in the smallest slots. They are told apart by
 * their text, so that the order is one.
 */
function inOrder<Each extends CandidateFleet>(
  objective: CapacityObjective,
  of: (each: Each) => number,
  costOf: (each: Each) => number,
): (a: Each, b: Each) => number {
  const grains = (each: Each): number => Math.round(of(each) / GRAIN[objective]);
  const cents = (each: Each): number => Math.round(costOf(each) / GRAIN.cost);
  const paidOf = ({ candidate, tariff }: Each): number => soldCount(candidate.count, tariff.price);
  return (a, b) =>
    grains(a) - grains(b) ||
    cents(a) - cents(b) ||
    paidOf(a) - paidOf(b) ||
    b.candidate.count - a.candidate.count ||
    a.candidate.slot - b.candidate.slot ||
    (JSON.stringify(a.candidate) < JSON.stringify(b.candidate) ? -1 : 1);
}

/**
 * The best candidates that keep the level of service. Candidates are simulated in the order of what they come to at
 * least, and no further than to where the next ones come behind those that were found.
 */
export async function findCapacity(request: CapacityRequest, input = judgeInput(request)): Promise<FoundCandidates> {
  const { candidates, objective, wanted = 2, isExhaustive = false, ahead, onProgress = () => {} } = request;
  const known: (CandidateFleet | UnfitCandidate)[] = [];
  for (const candidate of candidates) {
    known.push(candidateFleet(candidate, request));
    await request.breathe?.();
  }
  const isFit = (each: CandidateFleet | UnfitCandidate): each is CandidateFleet => "fleet" in each;
  const bounded = known.filter(isFit).map((each) => boundCandidate(each, input));
  bounded.sort(
    inOrder(
      objective,
      ({ least }) => least,
      () => 0,
    ),
  );
  const [meets, misses, pruned]: [JudgedCandidate[], JudgedCandidate[], PrunedCandidate[]] = [[], [], []];
  const { rule } = input;
  let limit = Number.POSITIVE_INFINITY;
  const prunes = ({ numLost, least }: BoundedCandidate): PrunedCandidate["why"] | undefined => {
    if (isExhaustive) return undefined;
    if (surelyMisses(rule.round - numLost, rule.round, rule)) return "cannot keep the level";
    return least > limit + GRAIN[objective] ? "comes behind" : undefined;
  };
  for (const [index, each] of bounded.entries()) {
    onProgress(index, bounded.length);
    const why = prunes(each);
    if (why !== undefined) pruned.push({ ...each, why });
    else {
      if (ahead !== undefined) await simulateAhead({ ...request, ahead }, bounded.slice(index), prunes, input);
      const judged = judgeCandidate(each, input);
      (judged.judgement.meets ? meets : misses).push(judged);
      meets.sort(inOrder(objective, ({ value }) => value, meanCost));
      limit = withoutTies(meets)[wanted - 1]?.value ?? Number.POSITIVE_INFINITY;
    }
  }
  onProgress(bounded.length, bounded.length);
  return { meets, misses, pruned, unfit: known.filter((each): each is UnfitCandidate => !isFit(each)) };
}

/** Where the first of some candidates was not simulated: it and the next ones that may have to be are. */
async function simulateAhead(
  {
    ahead: { batch, simulate },
    forecast,
    kinds,
  }: Pick<CapacityWorld, "forecast" | "kinds"> & { readonly ahead: Ahead },
  next: readonly BoundedCandidate[],
  prunes: (each: BoundedCandidate) => unknown,
  { seen }: JudgeInput,
): Promise<void> {
  if (seen.has(simulatedAs(next[0]!, 0))) return;
  const chosen = new Map<string, Candidate>();
  for (const each of next) {
    if (chosen.size === batch) break;
    const name = simulatedAs(each, 0);
    if (!seen.has(name) && !chosen.has(name) && prunes(each) === undefined) chosen.set(name, each.candidate);
  }
  for (const [name, draw] of await simulate([...chosen.values()], { forecast, kinds })) seen.set(name, draw);
}
