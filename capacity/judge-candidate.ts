import { mean } from "../core/index.ts";
import type { CapacityObjective } from "../plan/index.ts";
import { type Bounds, boundsOf } from "./bounds.ts";
import type { CandidateFleet } from "./candidate-fleet.ts";
import type { DrawnJob } from "./draw-jobs.ts";
import { isKept, type LevelGroup } from "./level.ts";
import { type Cost, costOf } from "./money.ts";
import { objectiveValue } from "./objective.ts";
import { drawnFleet, type SeenDraws, simulatedAs, simulatedDraw } from "./simulated-draws.ts";

export interface JudgeInput {
  /** Jobs as they come in each draw. */
  readonly draws: readonly (readonly DrawnJob[])[];
  readonly groups: readonly LevelGroup[];
  /** Over which accelerators are there. */
  readonly hours: number;
  /** The share of draws in which the level is to be kept. */
  readonly probability: number;
  readonly objective: CapacityObjective;
  /** What was simulated, and bounds that were found, by the names of candidates and draws. */
  readonly seen: SeenDraws;
  readonly bounds: Map<string, Bounds>;
}

/** What a candidate came to in one draw. */
export interface JudgedDraw {
  readonly isKept: boolean;
  /** By group of kinds. */
  readonly hours: readonly number[];
  readonly cost: Cost;
  /** Share of the accelerators' hours in which they trained. */
  readonly utilisation: number;
}

export interface JudgedCandidate extends CandidateFleet {
  readonly draws: readonly JudgedDraw[];
  /** By the objective, on average over these draws. */
  readonly value: number;
  /** Whether enough draws keep the level; where not, no more were simulated than it takes to know. */
  readonly meets: boolean;
}

function costWith({ candidate, tariff }: CandidateFleet, busySeconds: number, hours: number): Cost {
  const busy = (candidate.slot * busySeconds) / 3600;
  return costOf(tariff, { all: candidate.count * hours, busy });
}

/** Bounds of a candidate, without simulating it. */
export interface BoundedCandidate extends CandidateFleet {
  /** By the objective, what it comes to at least, on average over all draws. */
  readonly least: number;
  /** Draws in which no scheduler keeps the level. */
  readonly numLost: number;
}

export function boundCandidate(known: CandidateFleet, input: JudgeInput): BoundedCandidate {
  const { draws, groups, objective } = input;
  const bounds = draws.map((jobs, draw): Bounds => {
    const name = simulatedAs(known, draw);
    const found = input.bounds.get(name) ?? boundsOf(drawnFleet(known, draw), jobs, groups);
    input.bounds.set(name, found);
    return found;
  });
  return {
    ...known,
    least: mean(
      bounds.map(({ busySeconds, hours }) =>
        objectiveValue(objective, { hours, cost: costWith(known, busySeconds, input.hours) }, groups),
      ),
    ),
    numLost: bounds.filter((bound) => !isKept(groups, bound.hours)).length,
  };
}

/** The most draws in which a level may be missed. */
export function mostMissed({ draws, probability }: Pick<JudgeInput, "draws" | "probability">): number {
  return Math.floor(draws.length * (1 - probability) + 1e-9);
}

function judgeDraw(known: CandidateFleet, draw: number, input: JudgeInput): JudgedDraw {
  const { hours, busySeconds } = simulatedDraw(known, draw, input);
  const { candidate } = known;
  return {
    ...{ hours, isKept: isKept(input.groups, hours), cost: costWith(known, busySeconds, input.hours) },
    utilisation: (candidate.slot * busySeconds) / 3600 / (candidate.count * input.hours),
  };
}

/** All draws of a candidate. */
export function judgeAll(known: CandidateFleet, input: JudgeInput): JudgedCandidate {
  return judged(known, input, Number.POSITIVE_INFINITY);
}

/** Simulates a candidate draw by draw, until it is known whether it meets the level; all draws of one that does. */
export function judgeCandidate(known: CandidateFleet, input: JudgeInput): JudgedCandidate {
  return judged(known, input, mostMissed(input));
}

/** `most`: missed draws after which no more are simulated. */
function judged(known: CandidateFleet, input: JudgeInput, most: number): JudgedCandidate {
  const draws: JudgedDraw[] = [];
  let missed = 0;
  for (let draw = 0; draw < input.draws.length && missed <= most; draw += 1) {
    const seen = judgeDraw(known, draw, input);
    draws.push(seen);
    if (!seen.isKept) missed += 1;
  }
  const value = mean(draws.map((draw) => objectiveValue(input.objective, draw, input.groups)));
  return { ...known, draws, value, meets: missed <= mostMissed(input) };
}
