import { maximum, PlanError } from "../../core/index.ts";
import { peakHeld } from "../actions/in-flight.ts";
import { miniBatches } from "../actions/mini-batch.ts";
import type { Stage } from "../documents/setting.ts";
import type { Recompute } from "../documents/workload.ts";
import { SCHEDULE_TABLE } from "../schedules/schedules.ts";
import type { Candidate, Trial } from "./candidate.ts";
import { recomputationRange } from "./judge.ts";
import { type Limits, NO_LIMITS, type OrderedDraft } from "./order-draft.ts";

/** A limit is as good as none when the run takes at most this much longer. */
const TOLERANCE = 0.002;
/**
 * From one limit to the next lower one that is tried with recomputation, and how near a limit that fits is found: for a
 * first look, and for a choice.
 */
const EFFORTS = { quick: { step: 0.7, precision: 0.1 }, thorough: { step: 0.85, precision: 0.02 } } as const;
/**
 * Recomputing a layer makes backwards longer, and with them orders and what is in flight, a little: so often it is
 * looked at again.
 */
const ROUNDS = 6;

/**
 * The least that can be in flight: shorter micro-batches beside each other take more buffers, and may leave holes
 * between their slots.
 */
export const ONE_AT_A_TIME: Limits = { count: 1, units: null };

/** What became of a candidate: the best trial that fits, else the last one, which does not; and one without limits. */
export interface Outcome {
  readonly trial: Trial;
  /** How it would run if memory were no matter: only within a limit that was asked for. */
  readonly unbound: Trial;
}

export function fits(trial: Trial): boolean {
  return trial.verdict().fits;
}

export function makespanOf({ ordered }: Trial): number {
  return ordered.timeline.makespanNs;
}

/** The trial with the fewest recomputed layers of each stage that make it fit; one that does not where none do. */
function recomputed(candidate: Candidate, first: Trial, recompute: Recompute): Trial {
  let trial = first;
  for (let round = 1; round < ROUNDS && !fits(trial); round += 1) {
    const stages = trial.verdict().stagesThatFit(recompute);
    if (stages === undefined) break;
    trial = candidate.within(trial.ordered.limits, stages);
  }
  return trial;
}

/** A candidate within limits, on its stages or others, with as little recomputation as can be asked for. */
export function leastRecomputed(
  candidate: Candidate,
  limits: Limits,
  stages: readonly Stage[] = candidate.draft.stages,
): Trial {
  const { recompute } = candidate.request;
  const least = stages.map((stage) => ({
    ...stage,
    recomputedLayers: Math.max(stage.recomputedLayers, recomputationRange(recompute, stage)[0]),
  }));
  return candidate.within(limits, least);
}

/** A trial with as little more recomputation as makes it fit. */
export function settle(candidate: Candidate, trial: Trial): Trial {
  return recomputed(candidate, trial, candidate.request.recompute);
}

/** The largest micro-batch's activation memory. */
export function largestUnits({ draft }: Pick<Candidate, "draft">): number {
  return maximum(draft.units);
}

/** The most activation memory in flight on the first stage. */
function peakUnits({ draft, orders }: OrderedDraft): number {
  return peakHeld(orders[0]!, (microBatch) => draft.units[microBatch]!);
}

function atMost(units: number): Limits {
  return { count: null, units };
}

/**
 * Within the least activation memory in flight, from one largest micro-batch a stage upwards, that costs no time; by
 * bisection.
 */
function withinEnough(candidate: Candidate, unbound: Trial): Trial {
  const most = makespanOf(unbound) * (1 + TOLERANCE);
  let found: Trial | undefined;
  let enough = peakUnits(unbound.ordered);
  let tooLow = Math.min(enough, candidate.draft.stages.length * largestUnits(candidate)) - 1;
  for (let units = tooLow + 1; enough - tooLow > 1; units = (tooLow + enough) >> 1) {
    const trial = candidate.within(atMost(units));
    if (makespanOf(trial) <= most) [enough, found] = [units, trial];
    else tooLow = units;
  }
  return found ?? candidate.within(atMost(enough));
}

/** Trials of one candidate: the fastest that fits, else what was tried last. */
class BestTrial {
  #best: Trial | undefined;
  #last: Trial | undefined;

  get trial(): Trial {
    return this.#best ?? this.#last!;
  }

  /** Says whether it fits. */
  take(trial: Trial): boolean {
    this.#last = trial;
    if (!fits(trial)) return false;
    if (this.#best === undefined || makespanOf(trial) < makespanOf(this.#best)) this.#best = trial;
    return true;
  }
}

/**
 * The fastest limits from that of `highest` down: the highest with which a candidate fits as it is, by bisection, and
 * higher ones with the recomputation that each needs. Limits that are lower still only make stages wait.
 */
function searchLimits(candidate: Candidate, recompute: Recompute, highest: Trial, effort: Effort): Trial {
  const best = new BestTrial();
  const { step, precision } = EFFORTS[effort];
  const highestUnits = highest.ordered.limits.units!;
  const largest = largestUnits(candidate);
  let fitting = highestUnits;
  let lowest = highest;
  if (!best.take(highest)) {
    fitting = largest;
    lowest = candidate.within(atMost(largest));
    if (best.take(lowest)) {
      let tooHigh = highestUnits + 1;
      while (tooHigh - fitting > Math.max(1, precision * fitting)) {
        const middle = (fitting + tooHigh) >> 1;
        if (best.take(candidate.within(atMost(middle)))) fitting = middle;
        else tooHigh = middle;
      }
    }
  }
  if (recompute === "auto" && fitting < highestUnits) {
    best.take(recomputed(candidate, highest, recompute));
    for (let units = Math.floor(highestUnits * step); units > fitting; units = Math.floor(units * step))
      best.take(recomputed(candidate, candidate.within(atMost(units)), recompute));
    if (!fits(lowest)) best.take(recomputed(candidate, lowest, recompute));
  }
  if (!fits(best.trial)) best.take(recomputed(candidate, candidate.within(ONE_AT_A_TIME), recompute));
  return best.trial;
}

function fixedLimits({ request: { maxInFlight }, draft }: Candidate): Limits | undefined {
  const entry = SCHEDULE_TABLE[draft.schedule];
  if (typeof maxInFlight === "number" && entry.needsWholeMiniBatch) {
    const parts = maximum(
      miniBatches(draft).flatMap((steps) => steps.map((miniBatch) => miniBatch.microBatches.length)),
    );
    if (maxInFlight < parts)
      throw new PlanError({
        expected: `an in-flight limit of at least ${parts} for schedule ${draft.schedule}, which holds a whole mini-batch`,
        at: "--max-in-flight",
        got: maxInFlight,
      });
  }
  if (typeof maxInFlight === "number") return { count: maxInFlight, units: null };
  return maxInFlight === "auto" && entry.interleavesGroups ? undefined : NO_LIMITS;
}

/** With what care limits are chosen: to rank a candidate among others, or to plan with them. */
export type Effort = keyof typeof EFFORTS;

function autoLimits(candidate: Candidate, recompute: Recompute, unbound: Trial, effort: Effort): Trial {
  if (effort === "quick" && fits(unbound)) return unbound;
  const highest =
    effort === "thorough" ? withinEnough(candidate, unbound) : candidate.within(atMost(peakUnits(unbound.ordered)));
  return searchLimits(candidate, recompute, highest, effort);
}

export interface LimitsOptions {
  /** The candidate's trial without limits, where there is one. */
  readonly unlimited?: Trial | undefined;
  /** Another choice of recomputed layers than what was asked for. */
  readonly recompute?: Recompute;
}

/** The best limits and recomputation for a candidate. @throws PlanError for a limit that its schedule cannot keep */
export function chooseLimits(candidate: Candidate, effort: Effort, options: LimitsOptions = {}): Outcome {
  const { unlimited, recompute = candidate.request.recompute } = options;
  const fixed = fixedLimits(candidate);
  const isUnlimited = fixed === undefined || fixed === NO_LIMITS;
  const unbound = (isUnlimited ? unlimited : undefined) ?? candidate.within(fixed ?? NO_LIMITS);
  const trial =
    fixed === undefined ? autoLimits(candidate, recompute, unbound, effort) : recomputed(candidate, unbound, recompute);
  return { trial, unbound };
}
