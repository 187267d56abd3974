import { mean, sum } from "../core/index.ts";
import { type Bounds, boundsOf } from "./bounds.ts";
import { type CandidateFleet, drawnFactor } from "./candidate-fleet.ts";
import type { DrawnJob } from "./draw-jobs.ts";
import { isKept, type LevelGroup, levelHours } from "./level.ts";
import { type Cost, costOf } from "./money.ts";
import { type SlotFleet, simulateSlots } from "./slot-fleet.ts";

export interface JudgeInput {
  /** Jobs as they come in each draw. */
  readonly draws: readonly (readonly DrawnJob[])[];
  readonly groups: readonly LevelGroup[];
  /** Over which accelerators are there. */
  readonly hours: number;
  /** The share of draws in which the level is to be kept. */
  readonly probability: number;
  /** What was simulated. */
  readonly seen: Map<string, SeenDraw>;
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
  /** Whether enough draws keep the level; where not, no more were simulated than it takes to know. */
  readonly meets: boolean;
}

export function drawnFleet({ fleet, candidate, sigma }: CandidateFleet, draw: number): SlotFleet {
  return { ...fleet, factor: fleet.factor * drawnFactor(candidate.accelerator, sigma, draw) };
}

function costWith({ candidate, tariff }: CandidateFleet, busySeconds: number, hours: number): Cost {
  const busy = (candidate.slot * busySeconds) / 3600;
  return costOf(tariff, { all: candidate.count * hours, busy });
}

/** Bounds of a candidate, without simulating it. */
export interface BoundedCandidate extends CandidateFleet {
  /** Mean over all draws of what it costs at least. */
  readonly leastCost: number;
  /** Draws in which no scheduler keeps the level. */
  readonly numLost: number;
}

export function boundCandidate(known: CandidateFleet, { draws, groups, hours }: JudgeInput): BoundedCandidate {
  const bounds = draws.map((jobs, draw): Bounds => boundsOf(drawnFleet(known, draw), jobs, groups));
  return {
    ...known,
    leastCost: mean(bounds.map(({ busySeconds }) => costWith(known, busySeconds, hours).total)),
    numLost: bounds.filter((bound) => !isKept(groups, bound.hours)).length,
  };
}

/** The most draws in which a level may be missed. */
export function mostMissed({ draws, probability }: Pick<JudgeInput, "draws" | "probability">): number {
  return Math.floor(draws.length * (1 - probability) + 1e-9);
}

/** What a simulation came to: the same for candidates that differ in how their accelerators are had alone. */
export interface SeenDraw {
  /** By group of kinds. */
  readonly hours: readonly number[];
  /** Of all slots. */
  readonly busySeconds: number;
}

/** A name that candidates share of which a simulation says the same. */
function simulatedAs({ candidate, spot }: CandidateFleet, draw: number): string {
  const { tenure: _tenure, ...machines } = candidate;
  return JSON.stringify([machines, spot === undefined, draw]);
}

function simulatedDraw(known: CandidateFleet, draw: number, input: JudgeInput): SeenDraw {
  const key = simulatedAs(known, draw);
  const seen = input.seen.get(key);
  if (seen !== undefined) return seen;
  const jobs = input.draws[draw]!;
  const { turnaroundSeconds, busySeconds } = simulateSlots(drawnFleet(known, draw), jobs);
  const ended = jobs.map(({ kind }, job) => ({ kind, seconds: turnaroundSeconds[job]! }));
  const now = { hours: input.groups.map((group) => levelHours(group, ended)), busySeconds: sum(busySeconds) };
  input.seen.set(key, now);
  return now;
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
  return { ...known, draws, meets: missed <= mostMissed(input) };
}
