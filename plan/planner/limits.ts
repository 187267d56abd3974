import { maximum, PlanError } from "../../core/index.ts";
import type { StageMemory } from "../documents/setting.ts";
import { peakHeld } from "../in-flight.ts";
import { microBatchUnits } from "../memory/stash.ts";
import { miniBatches } from "../mini-batch.ts";
import { SCHEDULE_TABLE } from "../schedules/schedules.ts";
import { numLayersOf } from "../stage-layers.ts";
import { capacityOf, fullness } from "./capacity.ts";
import type { Draft } from "./draft.ts";
import { buffersOf, type LaidOut, layOut, memoryByRecomputation } from "./lay-out.ts";
import { type Limits, NO_LIMITS, type OrderedDraft, orderDraft } from "./order-draft.ts";
import type { Costed } from "./request.ts";

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

/** An ordered draft that fits, with the limits that it keeps. */
export interface Settled extends LaidOut {
  readonly ordered: OrderedDraft;
  readonly limits: Limits;
}

/** A draft that does not fit, however few micro-batches are in flight. */
export interface Unsettled {
  readonly ordered: OrderedDraft;
  readonly limits: Limits;
  readonly memory: readonly StageMemory[];
}

/**
 * What became of a draft: the best that fits, or the least that does not; and how it would run if memory were no
 * matter.
 */
export interface Outcome {
  readonly settled: Settled | undefined;
  readonly unsettled: Unsettled | undefined;
  readonly unbound: OrderedDraft;
}

export function isSettled(result: Settled | Unsettled): result is Settled {
  return "buffers" in result;
}

/** The fewest and the most layers of a stage that may be recomputed. */
function recomputationRange({ recompute }: Costed, numLayers: number): readonly [number, number] {
  return [recompute === "layer" ? numLayers : 0, recompute === "none" ? 0 : numLayers];
}

/**
 * The fewest recomputed layers from `least` on with which a stage fits; undefined where none do. More of them never
 * take more, but for the first.
 */
function fewestThatFit(least: number, most: number, fitsWith: (recomputed: number) => boolean): number | undefined {
  if (fitsWith(least)) return least;
  if (most === least || !fitsWith(most)) return undefined;
  let tooFew = least;
  let enough = most;
  while (enough - tooFew > 1) {
    const middle = (tooFew + enough) >> 1;
    if (fitsWith(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}

/** Orders a draft within limits, with the fewest recomputed layers of each stage that make it fit. */
export function settle(request: Costed, draft: Draft, limits: Limits): Settled | Unsettled {
  let stages = draft.stages.map((stage) => ({
    ...stage,
    recomputedLayers: Math.max(stage.recomputedLayers, recomputationRange(request, numLayersOf(stage))[0]),
  }));
  for (let round = 1; ; round += 1) {
    const ordered = orderDraft(request, { ...draft, stages }, limits);
    const buffers = buffersOf(ordered);
    const memoryWith = memoryByRecomputation(request, ordered, buffers);
    const needed = stages.map((stage, index) =>
      fewestThatFit(
        stage.recomputedLayers,
        recomputationRange(request, numLayersOf(stage))[1],
        (recomputed) => memoryWith(index, recomputed).total <= capacityOf(request, draft, index),
      ),
    );
    const memory = stages.map(({ recomputedLayers }, index) => memoryWith(index, recomputedLayers));
    if (needed.every((recomputed, index) => recomputed === stages[index]!.recomputedLayers))
      return { ordered, limits, buffers, memory };
    if (round === ROUNDS || needed.includes(undefined)) return { ordered, limits, memory };
    stages = stages.map((stage, index) => ({ ...stage, recomputedLayers: needed[index]! }));
  }
}

function makespanOf({ ordered }: { readonly ordered: OrderedDraft }): number {
  return ordered.timeline.makespanNs;
}

/** The most activation memory in flight on the first stage. */
function peakUnits({ draft, orders }: OrderedDraft): number {
  return peakHeld(orders[0]!, ({ microBatch }) => microBatchUnits(draft.microBatches[microBatch]!));
}

/**
 * The least activation memory in flight, from one largest micro-batch a stage upwards, that costs no time; by
 * bisection.
 */
function enoughUnits(request: Costed, draft: Draft, unbound: OrderedDraft, largest: number): number {
  const most = unbound.timeline.makespanNs * (1 + TOLERANCE);
  let enough = peakUnits(unbound);
  let tooLow = Math.min(enough, draft.stages.length * largest) - 1;
  for (let units = tooLow + 1; enough - tooLow > 1; units = (tooLow + enough) >> 1) {
    if (orderDraft(request, draft, { count: null, units }).timeline.makespanNs <= most) enough = units;
    else tooLow = units;
  }
  return enough;
}

/** Limits on activation memory, tried one by one. */
class LimitSearch {
  readonly #request: Costed;
  readonly #draft: Draft;
  #best: Settled | undefined;
  #last: Settled | Unsettled | undefined;

  constructor(request: Costed, draft: Draft) {
    this.#request = request;
    this.#draft = draft;
  }

  /** The fastest that fits, else what was tried last. */
  get result(): Settled | Unsettled {
    return this.#best ?? this.#last!;
  }

  attempt(limits: Limits, request = this.#request): Settled | Unsettled {
    const result = settle(request, this.#draft, limits);
    this.#last = result;
    if (isSettled(result) && (this.#best === undefined || makespanOf(result) < makespanOf(this.#best)))
      this.#best = result;
    return result;
  }
}

/**
 * The fastest limits below `highest`: the highest with which a draft fits as it is, by bisection, and higher ones with
 * the recomputation that each needs. Limits that are lower still only make stages wait.
 */
function searchLimits(request: Costed, draft: Draft, highest: number, effort: Effort): Settled | Unsettled {
  const search = new LimitSearch(request, draft);
  const largest = maximum(draft.microBatches.map(microBatchUnits));
  const { step, precision } = EFFORTS[effort];
  const asItIs: Costed = { ...request, recompute: request.recompute === "layer" ? "layer" : "none" };
  const atMost = (units: number): Limits => ({ count: null, units });
  let tooHigh = highest + 1;
  let fitting = largest;
  if (isSettled(search.attempt(atMost(highest), asItIs))) fitting = highest;
  else if (isSettled(search.attempt(atMost(largest), asItIs))) {
    while (tooHigh - fitting > Math.max(1, precision * fitting)) {
      const middle = (fitting + tooHigh) >> 1;
      if (isSettled(search.attempt(atMost(middle), asItIs))) fitting = middle;
      else tooHigh = middle;
    }
  }
  if (request.recompute === "auto" && fitting < highest) {
    for (let units = highest; units > fitting; units = Math.floor(units * step)) search.attempt(atMost(units));
    search.attempt(atMost(fitting));
  }
  if (!isSettled(search.result)) search.attempt(ONE_AT_A_TIME);
  return search.result;
}

function fixedLimits({ maxInFlight }: Costed, draft: Draft): Limits | undefined {
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

/** With what care limits are chosen: to rank a draft among others, or to plan with them. */
export type Effort = keyof typeof EFFORTS;

function autoLimits(request: Costed, draft: Draft, unbound: OrderedDraft, effort: Effort): Settled | Unsettled {
  const free = layOut(request, unbound);
  const isFree = fullness(request, draft, free.memory).every((share) => share <= 1);
  if (isFree && effort === "quick") return { ...free, ordered: unbound, limits: NO_LIMITS };
  const largest = maximum(draft.microBatches.map(microBatchUnits));
  const highest = isFree || effort === "thorough" ? enoughUnits(request, draft, unbound, largest) : peakUnits(unbound);
  return searchLimits(request, draft, highest, effort);
}

/** The best limits and recomputation for a draft. @throws PlanError for a limit that its schedule cannot keep */
export function chooseLimits(request: Costed, draft: Draft, effort: Effort): Outcome {
  const fixed = fixedLimits(request, draft);
  const unbound = orderDraft(request, draft, fixed ?? NO_LIMITS);
  const result = fixed === undefined ? autoLimits(request, draft, unbound, effort) : settle(request, draft, fixed);
  return {
    settled: isSettled(result) ? result : undefined,
    unsettled: isSettled(result) ? undefined : result,
    unbound,
  };
}
