import { mean, quantile, quantileOfShares } from "../core/index.ts";
import type { ApartAnswer, Beside, Candidate, CandidateRow, CapacityAnswer, Flip, Spread } from "../plan/index.ts";
import { failuresOf } from "./answer-failures.ts";
import { interruptionsOf } from "./answer-interruptions.ts";
import { meanParts, moneyOf } from "./answer-money.ts";
import { type Apart, findApart } from "./apart.ts";
import { candidateFleet } from "./candidate-fleet.ts";
import { type CapacityRequest, findCapacity, isTie, judgeInput, meanCost } from "./find-capacity.ts";
import { headroomOf } from "./headroom.ts";
import { type JudgedCandidate, type JudgeInput, judgeAll } from "./judge-candidate.ts";
import { CONFIDENCE, surety } from "./judge-rule.ts";
import { levelShares, tightness } from "./level.ts";
import { soldCount } from "./money.ts";
import { notTrained } from "./run-files.ts";
import { weekOf } from "./week.ts";

function spreadOf(values: readonly number[]): Spread {
  return { mean: mean(values), low: quantileOfShares(values, 0.05), high: quantileOfShares(values, 0.95) };
}

/** Whether the tightest level of a first draw is more than half waiting. */
function holdsOf({ draws, fleet }: JudgedCandidate, { groups, draws: drawn }: JudgeInput): CandidateRow["holds"] {
  const hours = draws[0]!.hours;
  const tight = levelShares(groups, hours);
  const tightest = tight.indexOf(Math.max(...tight));
  const { kinds, level } = groups[tightest]!;
  const alone = drawn[0]!.flatMap(({ kind, steps }) =>
    kinds.includes(kind) ? [fleet.startSeconds + steps * fleet.times.stepSeconds([kind])] : [],
  );
  const training = alone.length === 0 ? 0 : fleet.expectedSeconds(quantile(alone, level.percent / 100)) / 3600;
  return training * 2 >= hours[tightest]! ? "training" : "queue";
}

/** Those that nobody else betters both ways: in what they cost, and in how much of the level's hours they take. */
function frontOf(judged: readonly JudgedCandidate[], { groups }: JudgeInput): ReadonlySet<Candidate> {
  const points = judged.map((each) => ({
    each,
    cost: meanCost(each),
    tight: mean(each.draws.map(({ hours }) => tightness(groups, hours))),
  }));
  points.sort((a, b) => a.cost - b.cost || a.tight - b.tight);
  let least = Number.POSITIVE_INFINITY;
  const front = points.filter(({ tight }) => {
    const isFirst = tight < least;
    least = Math.min(least, tight);
    return isFirst;
  });
  return new Set(front.map(({ each }) => each.candidate));
}

function rowOf(
  judged: JudgedCandidate,
  { kinds, catalog }: Pick<CapacityRequest, "kinds" | "catalog">,
  input: JudgeInput,
  isOnFront: boolean,
): CandidateRow {
  const { candidate, draws, judgement, fleet, spot, provenance, sigma, assumes } = judged;
  const { times, jobsAtOnce } = fleet;
  const costs = draws.map(({ cost }) => cost);
  const { hardware, energy, rent } = meanParts(judged);
  return {
    candidate,
    paidCount: soldCount(candidate.count, judged.tariff.price),
    notTrained: notTrained(candidate, catalog) ?? null,
    ...surety(judgement, input.rule),
    isOnFront,
    cost: {
      ...spreadOf(costs.map(({ total }) => total)),
      ...{ hardware, energy, rent },
    },
    kilowattHours: mean(costs.map(({ kilowattHours }) => kilowattHours)),
    levels: input.groups.map(({ names, level }, group) => ({
      ...spreadOf(draws.map(({ hours }) => hours[group]!)),
      ...{ kinds: [...names], percent: level.percent, levelHours: level.hours },
    })),
    utilisation: mean(draws.map(({ utilisation }) => utilisation)),
    holds: holdsOf(judged, input),
    layouts: kinds.map(({ kind: { name } }, kind) => ({
      ...{ kind: name, ...times.layoutOf(kind), stepSeconds: times.stepSeconds([kind]) },
      memoryShare: times.memoryShare(kind, jobsAtOnce),
      shares: times.shares(kind),
    })),
    checkpointSeconds: spot?.intervalSeconds ?? null,
    ...{ provenance, sigma, assumes },
  };
}

/** Jobs that share a slot, where the question is what that would bring. */
const TOGETHER = 4;

/** What is found, and what stands beside it. */
export type CapacityReport = Pick<
  CapacityAnswer,
  | "best"
  | "runnerUp"
  | "fewer"
  | "more"
  | "otherSharing"
  | "apart"
  | "money"
  | "failures"
  | "interruptions"
  | "headroom"
  | "week"
  | "meets"
  | "misses"
  | "pruned"
  | "unfit"
>;

function apartOf(apart: Apart | undefined): ApartAnswer | null {
  if (apart === undefined) return null;
  const { pools, draws, judgement } = apart;
  return {
    pools: pools.map(({ request, input, judged, meets }) => ({
      kinds: [...judged.kinds],
      best: rowOf(judged, request, input, frontOf(meets, input).has(judged.candidate)),
    })),
    ...surety(judgement, pools[0]!.input.rule),
    cost: spreadOf(draws.map(({ cost }) => cost)),
    kilowattHours: mean(draws.map(({ kilowattHours }) => kilowattHours)),
  };
}

/** The answer with what stands beside the candidate that is recommended. @throws InputError as `judgeInput` does */
export async function capacityReport(request: CapacityRequest): Promise<CapacityReport> {
  const input = judgeInput(request);
  const { meets, misses, pruned, unfit } = await findCapacity(request, input);
  const front = frontOf(meets, input);
  const row = (judged: JudgedCandidate): CandidateRow => rowOf(judged, request, input, front.has(judged.candidate));
  const [best] = meets;
  const runnerUp = best === undefined ? undefined : meets.find((each) => !isTie(each, best));
  const beside = (change: Partial<Candidate>): Beside | null => {
    if (best === undefined) return null;
    const known = candidateFleet({ ...best.candidate, ...change }, request);
    return "fleet" in known ? row(judgeAll(known, input)) : known;
  };
  const { count = 0, slot = 0, jobsAtOnce = 1 } = best?.candidate ?? {};
  return {
    best: best === undefined ? null : row(best),
    runnerUp: runnerUp === undefined ? null : row(runnerUp),
    fewer: count > slot ? beside({ count: count - slot }) : null,
    more: beside({ count: count + slot }),
    otherSharing: beside({ jobsAtOnce: jobsAtOnce === 1 ? TOGETHER : 1 }),
    apart: apartOf(await findApart(request)),
    money: best === undefined ? null : moneyOf(best, request, input),
    failures: best === undefined ? null : failuresOf(best, request, input),
    interruptions: best === undefined ? null : interruptionsOf(best, input),
    headroom: best === undefined ? null : headroomOf(best, request),
    week: best === undefined ? null : weekOf(best, input),
    meets: meets.map(row),
    misses: misses.map(row),
    pruned: pruned.map(({ candidate, why, least }) => ({ candidate, why, least })),
    unfit: [...unfit],
  };
}

/** The answer as a document. */
export function capacityDocument(
  { prices, forecast, drawing, probability, objective }: Omit<CapacityRequest, "candidates">,
  report: CapacityReport,
  flips: readonly Flip[],
): CapacityAnswer {
  return {
    kind: "capacity-answer",
    version: 1,
    currency: prices.currency,
    pricesOf: prices.date,
    days: forecast.days,
    ...{ forecast, prices },
    ...{ ...drawing, confidence: CONFIDENCE, probability, objective, ...report },
    flips: [...flips],
  };
}
