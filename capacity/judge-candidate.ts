import { mean } from "../core/index.ts";
import type { CapacityObjective } from "../plan/index.ts";
import { type Bounds, boundsOf } from "./bounds.ts";
import type { CandidateFleet } from "./candidate-fleet.ts";
import type { DrawnJob } from "./draw-jobs.ts";
import { type Judgement, type JudgeRule, judgeBy, mostMissed } from "./judge-rule.ts";
import { isKept, type LevelGroup } from "./level.ts";
import { acceleratorHours, type Cost, costOf } from "./money.ts";
import { objectiveValue } from "./objective.ts";
import { drawnFleet, type SeenDraws, simulatedAs, simulatedDraw } from "./simulated-draws.ts";

export interface JudgeInput {
  /** Jobs as they come in the draws of the first round, and in any. */
  readonly draws: readonly (readonly DrawnJob[])[];
  readonly jobsOf: (draw: number) => readonly DrawnJob[];
  readonly groups: readonly LevelGroup[];
  /** Over which accelerators are there. */
  readonly hours: number;
  readonly rule: JudgeRule;
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
  /** By group of kinds, the share of its jobs that end later than its level has it. */
  readonly late: readonly number[];
  readonly cost: Cost;
  /** Share of the accelerators' hours in which they trained. */
  readonly utilisation: number;
}

export interface JudgedCandidate extends CandidateFleet {
  /** Of the first round, which all candidates have; fewer of one that misses the level for sure before its end. */
  readonly draws: readonly JudgedDraw[];
  /** By the objective, on average over these draws. */
  readonly value: number;
  /** Of these draws, and of those that were added to know more. */
  readonly judgement: Judgement;
}

/** What a candidate costs over some hours whose slots train for so many seconds, all together. */
function costWith({ candidate, tariff }: CandidateFleet, busySeconds: number, hours: number): Cost {
  return costOf(tariff, acceleratorHours(candidate, tariff.price, { slotHours: busySeconds / 3600, hours }));
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

/** One draw of a candidate. */
export function judgeDraw(known: CandidateFleet, draw: number, input: JudgeInput): JudgedDraw {
  const { hours, late, busySeconds } = simulatedDraw(known, draw, input);
  const { candidate } = known;
  return {
    ...{ hours, late, isKept: isKept(input.groups, hours), cost: costWith(known, busySeconds, input.hours) },
    utilisation: (candidate.slot * busySeconds) / 3600 / (candidate.count * input.hours),
  };
}

/** A candidate in the draws of the first round, whatever they say. */
export function judgeAll(known: CandidateFleet, input: JudgeInput): JudgedCandidate {
  return judged(known, input, (isKept) => {
    const { round, probability } = input.rule;
    const kept = input.draws.filter((_, draw) => isKept(draw)).length;
    return { meets: round - kept <= mostMissed(round, probability), draws: round, kept };
  });
}

/** Simulates a candidate draw by draw, until it is known whether it meets the level. */
export function judgeCandidate(known: CandidateFleet, input: JudgeInput): JudgedCandidate {
  return judged(known, input, (isKept) => judgeBy(input.rule, isKept));
}

function judged(
  known: CandidateFleet,
  input: JudgeInput,
  judge: (isKept: (draw: number) => boolean) => Judgement,
): JudgedCandidate {
  const draws: JudgedDraw[] = [];
  const judgement = judge((draw) => {
    const seen = judgeDraw(known, draw, input);
    if (draw < input.rule.round) draws.push(seen);
    return seen.isKept;
  });
  const value = mean(draws.map((draw) => objectiveValue(input.objective, draw, input.groups)));
  return { ...known, draws, value, judgement };
}
