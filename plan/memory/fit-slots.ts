// Where slots of different sizes lie that are taken and given back in a known order. The smallest room is NP-hard to
// find; each way here is near linear.

import { Holes } from "./holes.ts";

/** The slots of an order, numbered by when they are taken. */
export interface SlotOrder {
  /** k + 1 where slot k is taken, -(k + 1) where it is given back, 0 for anything else. */
  readonly events: Int32Array;
  readonly sizes: Int32Array;
}

/** Offsets of the slots. */
export type Fitting = (order: SlotOrder) => Int32Array;

/** Each slot goes, when it is taken, into a hole between the others. */
function intoHoles(chosen: "lowest" | "smallest"): Fitting {
  return ({ events, sizes }) => {
    const offsets = new Int32Array(sizes.length);
    const holes = new Holes(chosen);
    for (let at = 0; at < events.length; at += 1) {
      const event = events[at]!;
      if (event > 0) offsets[event - 1] = holes.take(sizes[event - 1]!);
      else if (event < 0) holes.giveBack(offsets[-event - 1]!, sizes[-event - 1]!);
    }
    return offsets;
  };
}

export const lowestHole = intoHoles("lowest");
export const smallestHole = intoHoles("smallest");

/** Places that are all as large as the largest needs. */
export const equalSlots: Fitting = ({ events, sizes }) => {
  const offsets = new Int32Array(sizes.length);
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0);
  const free: number[] = [];
  let top = 0;
  for (const event of events) {
    if (event > 0) {
      const offset = free.pop() ?? top;
      if (offset === top) top += largest;
      offsets[event - 1] = offset;
    } else if (event < 0) free.push(offsets[-event - 1]!);
  }
  return offsets;
};

/** Pairs of slots that are taken at some time together. */
function countPairs({ events }: SlotOrder): number {
  let live = 0;
  let pairs = 0;
  for (let at = 0; at < events.length; at += 1) {
    if (events[at]! > 0) {
      pairs += live;
      live += 1;
    } else if (events[at]! < 0) live -= 1;
  }
  return pairs;
}

/** By slot, the others that are taken at some time with it. */
function neighboursOf({ events, sizes }: SlotOrder): readonly (readonly number[])[] {
  const neighbours = Array.from(sizes, (): number[] => []);
  const live = new Set<number>();
  for (const event of events) {
    if (event < 0) live.delete(-event - 1);
    if (event <= 0) continue;
    const slot = event - 1;
    for (const other of live) {
      neighbours[slot]!.push(other);
      neighbours[other]!.push(slot);
    }
    live.add(slot);
  }
  return neighbours;
}

/** What `largestFirst` may take: a fraction of a second. */
const MOST_PAIRS = 2 ** 20;

/** The largest slots are placed first, each as low as those that it meets allow. Undefined where too many meet. */
export function largestFirst(order: SlotOrder): Int32Array | undefined {
  const { sizes } = order;
  if (countPairs(order) > MOST_PAIRS) return undefined;
  const neighbours = neighboursOf(order);
  const offsets = new Int32Array(sizes.length).fill(-1);
  const bySize = Array.from(sizes, (_, slot) => slot).sort((a, b) => sizes[b]! - sizes[a]! || a - b);
  for (const slot of bySize) {
    const placed = neighbours[slot]!.filter((other) => offsets[other]! >= 0);
    placed.sort((a, b) => offsets[a]! - offsets[b]!);
    let offset = 0;
    for (const other of placed) {
      if (offsets[other]! - offset >= sizes[slot]!) break;
      offset = Math.max(offset, offsets[other]! + sizes[other]!);
    }
    offsets[slot] = offset;
  }
  return offsets;
}
