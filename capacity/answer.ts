import { mean, quantile } from "../core/index.ts";
import type { Candidate } from "../plan/index.ts";
import { type CapacityWorld, candidateFleet, type Unfit } from "./candidate-fleet.ts";
import { type CapacityAnswer, type CapacityRequest, findCapacity, judgeInput } from "./find-capacity.ts";
import { type JudgedCandidate, type JudgeInput, judgeAll } from "./judge-candidate.ts";
import type { Cost } from "./money.ts";

/** The middle of some draws, and nine of ten of them. */
export interface Spread {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** A candidate that was simulated, as it is told of. */
export interface CandidateRow {
  readonly candidate: Candidate;
  /** Of the draws that were simulated, those in which the level was kept. */
  readonly kept: number;
  readonly draws: number;
  /** In the currency of the prices, over the forecast. */
  readonly cost: Spread & Omit<Cost, "total">;
  /** By level of service: what so many of a hundred jobs took at most. */
  readonly levels: readonly (Spread & {
    readonly kinds: readonly string[];
    readonly percent: number;
    readonly levelHours: number;
  })[];
  readonly utilisation: number;
  /** Where the hours of the tightest level go: to training, or to waiting for a slot. */
  readonly holds: "training" | "queue";
  /** By kind, how a job of it is laid out on a slot, and its step alone. */
  readonly layouts: readonly {
    readonly kind: string;
    readonly tensorParallel: number;
    readonly dataParallel: number;
    readonly recomputedLayers: number;
    readonly microTokens: number;
    readonly stepSeconds: number;
  }[];
  /** Seconds between checkpoints that cost least; null where interruptions are none, or come with a notice. */
  readonly checkpointSeconds: number | null;
  readonly provenance: JudgedCandidate["provenance"];
  /** The standard deviation of the logarithm of predicted times. */
  readonly sigma: number;
}

function spreadOf(values: readonly number[]): Spread {
  return { mean: mean(values), low: quantile(values, 0.05), high: quantile(values, 0.95) };
}

/** Whether the tightest level of a first draw is more than half waiting. */
function holdsOf({ draws, fleet }: JudgedCandidate, { groups, draws: drawn }: JudgeInput): CandidateRow["holds"] {
  const hours = draws[0]!.hours;
  const tight = groups.map(({ level }, index) => hours[index]! / level.hours);
  const tightest = tight.indexOf(Math.max(...tight));
  const { kinds, level } = groups[tightest]!;
  const alone = drawn[0]!.flatMap(({ kind, steps }) =>
    kinds.includes(kind) ? [fleet.startSeconds + steps * fleet.times.stepSeconds([kind])] : [],
  );
  const training = alone.length === 0 ? 0 : fleet.expectedSeconds(quantile(alone, level.percent / 100)) / 3600;
  return training * 2 >= hours[tightest]! ? "training" : "queue";
}

export function rowOf(
  judged: JudgedCandidate,
  { kinds }: Pick<CapacityWorld, "kinds">,
  input: JudgeInput,
): CandidateRow {
  const { candidate, draws, fleet, spot, provenance, sigma } = judged;
  const costs = draws.map(({ cost }) => cost);
  return {
    candidate,
    kept: draws.filter(({ isKept }) => isKept).length,
    draws: draws.length,
    cost: {
      ...spreadOf(costs.map(({ total }) => total)),
      hardware: mean(costs.map(({ hardware }) => hardware)),
      energy: mean(costs.map(({ energy }) => energy)),
      rent: mean(costs.map(({ rent }) => rent)),
    },
    levels: input.groups.map(({ names, level }, group) => ({
      ...spreadOf(draws.map(({ hours }) => hours[group]!)),
      ...{ kinds: names, percent: level.percent, levelHours: level.hours },
    })),
    utilisation: mean(draws.map(({ utilisation }) => utilisation)),
    holds: holdsOf(judged, input),
    layouts: kinds.map(({ kind: { name } }, kind) => ({
      ...{ kind: name, ...fleet.times.layoutOf(kind), stepSeconds: fleet.times.stepSeconds([kind]) },
    })),
    checkpointSeconds: spot?.intervalSeconds ?? null,
    ...{ provenance, sigma },
  };
}

/** A candidate next to the one that is recommended: all of its draws, or why it cannot train what is forecast. */
export type Beside = CandidateRow | Unfit;

export interface CapacityReport {
  readonly best: CandidateRow | null;
  readonly runnerUp: CandidateRow | null;
  /** The best one with a slot fewer and one more; null where there is no best one, or it has one slot. */
  readonly fewer: Beside | null;
  readonly more: Beside | null;
  /** The best one with jobs that share slots, or each alone where they do. */
  readonly otherSharing: Beside | null;
  readonly meets: readonly CandidateRow[];
  readonly misses: readonly CandidateRow[];
  readonly pruned: readonly {
    readonly candidate: Candidate;
    readonly why: CapacityAnswer["pruned"][number]["why"];
    readonly leastCost: number;
  }[];
  readonly unfit: readonly Unfit[];
}

/** Jobs that share a slot, where the question is what that would bring. */
const TOGETHER = 4;

function besideBest(request: CapacityRequest, input: JudgeInput, candidate: Candidate): Beside {
  const known = candidateFleet(candidate, request);
  return "fleet" in known ? rowOf(judgeAll(known, input), request, input) : known;
}

/** The answer with what stands beside the candidate that is recommended. */
export function capacityReport(request: CapacityRequest): CapacityReport {
  const input = judgeInput(request);
  const answer = findCapacity(request, input);
  const row = (judged: JudgedCandidate): CandidateRow => rowOf(judged, request, input);
  const [best, runnerUp] = answer.meets;
  const beside = (change: Partial<Candidate>): Beside | null =>
    best === undefined ? null : besideBest(request, input, { ...best.candidate, ...change });
  const { count = 0, slot = 0, jobsAtOnce = 1 } = best?.candidate ?? {};
  return {
    best: best === undefined ? null : row(best),
    runnerUp: runnerUp === undefined ? null : row(runnerUp),
    fewer: count > slot ? beside({ count: count - slot }) : null,
    more: beside({ count: count + slot }),
    otherSharing: beside({ jobsAtOnce: jobsAtOnce === 1 ? TOGETHER : 1 }),
    meets: answer.meets.map(row),
    misses: answer.misses.map(row),
    pruned: answer.pruned.map(({ candidate, why, leastCost }) => ({ candidate, why, leastCost })),
    unfit: answer.unfit,
  };
}
