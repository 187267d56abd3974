import { maximum, once } from "../../core/index.ts";
import { BACKWARD, EVALUATION, FORWARD, passCode, UPDATE } from "../actions/action.ts";
import { peakHeld } from "../actions/in-flight.ts";
import { microBatchTokens } from "../actions/mini-batch.ts";
import { letterOf, microBatchOf, type Order } from "../actions/order.ts";
import { isSample } from "../actions/samples.ts";
import type { MicroBatch } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";
import { equalSlots, largestFirst, lowestHole, type SlotOrder, smallestHole } from "./fit-slots.ts";
import { Holes } from "./holes.ts";

/**
 * Rows of a unit: a micro-batch's slot is a whole number of units long, and so is each tensor in it
 * (native/src/runtime/program.h).
 */
export const UNIT_ROWS = 16;

/** Activation memory of a micro-batch, in units; samples have theirs in the workspace. */
export function microBatchUnits(microBatch: Pick<MicroBatch, "rows">): number {
  return isSample(microBatch) ? 1 : Math.ceil(microBatchTokens(microBatch) / UNIT_ROWS);
}

type MicroBatches = readonly Pick<MicroBatch, "rows">[];

/** Where a stage keeps what its micro-batches save from forward to backward, in units from the start of its arena. */
export interface StashPlacement {
  /** By micro-batch: where its slot starts; -1 for those that the order does not have. */
  readonly offsets: Int32Array;
  /** The end of the highest slot: what the arena needs. */
  readonly peak: number;
  /**
   * By position in the order: the end of the highest slot in use once a forward or an evaluation has begun, or a
   * backward has ended.
   */
  readonly used: Int32Array;
  /** The same once the action has ended: less only where an evaluation has had its slot for itself. */
  readonly left: Int32Array;
}

interface Slots extends SlotOrder {
  /** By slot. */
  readonly microBatches: Int32Array;
  /** By position of the order, its first event. */
  readonly first: Int32Array;
}

/** A forward takes a slot, the backward gives it back; an evaluation does both, in two events. */
function slotsOf(order: Order, units: readonly number[]): Slots {
  const events = new Int32Array(2 * order.length);
  const first = new Int32Array(order.length);
  const microBatches = new Int32Array(order.length);
  const slots = new Int32Array(units.length);
  let numEvents = 0;
  let numSlots = 0;
  for (let position = 0; position < order.length; position += 1) {
    const letter = letterOf(order[position]!);
    const microBatch = microBatchOf(order[position]!);
    first[position] = numEvents;
    if (passCode(letter) === FORWARD) {
      slots[microBatch] = numSlots;
      microBatches[numSlots] = microBatch;
      numSlots += 1;
      events[numEvents] = numSlots;
      numEvents += 1;
    }
    if (letter !== FORWARD) {
      events[numEvents] = letter === UPDATE ? 0 : -(slots[microBatch]! + 1);
      numEvents += 1;
    }
  }
  const own = microBatches.slice(0, numSlots);
  return {
    events: events.slice(0, numEvents),
    first,
    microBatches: own,
    sizes: own.map((microBatch) => units[microBatch]!),
  };
}

function roomOf({ sizes }: SlotOrder, offsets: Int32Array): number {
  let room = 0;
  for (let slot = 0; slot < sizes.length; slot += 1) room = Math.max(room, offsets[slot]! + sizes[slot]!);
  return room;
}

/** The first of the best, and none further once one needs no more than the slots in use. */
function bestOffsets(slots: SlotOrder, least: number): { readonly offsets: Int32Array; readonly peak: number } {
  let offsets: Int32Array = new Int32Array(0);
  let peak = Number.POSITIVE_INFINITY;
  for (const place of [smallestHole, lowestHole, equalSlots, largestFirst]) {
    const found = place(slots);
    const room = found === undefined ? peak : roomOf(slots, found);
    if (found !== undefined && room < peak) [offsets, peak] = [found, room];
    if (peak === least) break;
  }
  return { offsets, peak };
}

function usedUnits({ events, sizes }: SlotOrder, offsets: Int32Array): Int32Array {
  // Of the slots in use, ascending; no two are the same.
  const ends: number[] = [];
  const placeOf = (end: number): number => {
    let from = ends.length;
    for (let low = 0; low < from; ) {
      const middle = (low + from) >> 1;
      if (ends[middle]! < end) low = middle + 1;
      else from = middle;
    }
    return from;
  };
  return events.map((event) => {
    const slot = Math.abs(event) - 1;
    const end = slot < 0 ? 0 : offsets[slot]! + sizes[slot]!;
    if (event > 0) ends.splice(placeOf(end), 0, end);
    else if (event < 0) ends.splice(placeOf(end), 1);
    return ends.at(-1) ?? 0;
  });
}

/** Slots that go by what is in flight alone, for orders that come piece by piece. */
export class FirstFit {
  readonly #holes = new Holes("lowest");
  /** Of micro-batches in flight: where their slots start, and their sizes. */
  readonly #slots = new Map<number, { readonly offset: number; readonly units: number }>();

  /**
   * Places the next actions of an order, by position: where their slots start, and what is in use then, as
   * `StashPlacement` has it.
   */
  place(order: Order, unitsOf: (microBatch: number) => number): Omit<StashPlacement, "peak"> {
    const offsets = new Int32Array(order.length).fill(-1);
    const used = new Int32Array(order.length);
    const left = new Int32Array(order.length);
    order.forEach((action, position) => {
      const letter = letterOf(action);
      const microBatch = microBatchOf(action);
      if (passCode(letter) === FORWARD) {
        const units = unitsOf(microBatch);
        this.#slots.set(microBatch, { offset: this.#holes.take(units), units });
      }
      const slot = this.#slots.get(microBatch);
      offsets[position] = slot?.offset ?? -1;
      const top = this.#holes.top;
      if (letter === BACKWARD || letter === EVALUATION) {
        this.#holes.giveBack(slot!.offset, slot!.units);
        this.#slots.delete(microBatch);
      }
      left[position] = this.#holes.top;
      used[position] = letter === EVALUATION ? top : left[position]!;
    });
    return { offsets, used, left };
  }
}

/**
 * Gives each micro-batch of a stage's order a slot for as long as it is in flight: planner, simulator and executor all
 * ask here.
 */
export function stashPlacement(order: Order, table: MicroBatches, slots: Setting["slots"] = "placed"): StashPlacement {
  const units = table.map(microBatchUnits);
  return slots === "placed" ? bestPlacement(order, units) : firstFit(order, units);
}

/** What `stashPlacement` says of a stage's peak where it has the choice: bounds of it, and, which takes longer, itself. */
export interface StashPeak {
  readonly least: number;
  readonly most: number;
  peak(): number;
}

/** `units`: by micro-batch. */
export function stashPeak(order: Order, units: readonly number[]): StashPeak {
  const slots = slotsOf(order, units);
  const least = peakHeld(order, (microBatch) => units[microBatch]!);
  const most = roomOf(slots, smallestHole(slots));
  return { least, most, peak: once(() => (least === most ? most : bestOffsets(slots, least).peak)) };
}

function firstFit(order: Order, units: readonly number[]): StashPlacement {
  const placed = new FirstFit().place(order, (microBatch) => units[microBatch]!);
  const offsets = new Int32Array(units.length).fill(-1);
  order.forEach((action, position) => {
    if (placed.offsets[position]! >= 0) offsets[microBatchOf(action)] = placed.offsets[position]!;
  });
  return { offsets, used: placed.used, left: placed.left, peak: maximum(placed.used) };
}

function bestPlacement(order: Order, units: readonly number[]): StashPlacement {
  const slots = slotsOf(order, units);
  const best = bestOffsets(
    slots,
    peakHeld(order, (microBatch) => units[microBatch]!),
  );
  const offsets = new Int32Array(units.length).fill(-1);
  slots.microBatches.forEach((microBatch, slot) => {
    offsets[microBatch] = best.offsets[slot]!;
  });
  const used = usedUnits(slots, best.offsets);
  return {
    offsets,
    peak: best.peak,
    used: order.map((_, position) => used[slots.first[position]!]!),
    left: order.map((_, position) => used[(slots.first[position + 1] ?? used.length) - 1]!),
  };
}

/** Bytes in use: what is always there, and the slots' part of the arena up to the highest in use. */
export function bytesInUse(usedUnits: number, staticBytes: number, unitBytes: number): number {
  return staticBytes + usedUnits * unitBytes;
}
