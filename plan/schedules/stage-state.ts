import { Fifo } from "../../core/index.ts";
import type { MiniBatch } from "../actions/mini-batch.ts";

/** What a list scheduler knows of a stage: what runs, and what may. */
export interface StageState {
  /** As orders have it; `NOTHING` while it idles. */
  running: number;
  readonly forwards: Fifo<number>;
  readonly backwards: Fifo<number>;
  readonly updates: Fifo<MiniBatch>;
  inFlight: number;
}

export const NOTHING = -1;

export function newStageState(): StageState {
  return { running: NOTHING, forwards: new Fifo(), backwards: new Fifo(), updates: new Fifo(), inFlight: 0 };
}

/** What carries the bytes of one lane, or of both lanes of a boundary. */
export interface Carrier {
  freeNs: number;
}

/** Messages on their way over one lane, first in, first out. */
export interface Lane {
  readonly slot: number;
  readonly carrier: Carrier;
  /** Of each message its micro-batch, and when it arrives. */
  readonly microBatches: Fifo<number>;
  readonly arrivalsNs: Fifo<number>;
}

function newLane(slot: number, carrier: Carrier): Lane {
  return { slot, carrier, microBatches: new Fifo(), arrivalsNs: new Fifo() };
}

/** The lanes of some boundaries, down and up of each, in slots from one on. */
export function newLanes(
  firstSlot: number,
  numBoundaries: number,
  isHalfDuplex: (boundary: number) => boolean,
): readonly Lane[] {
  return Array.from({ length: numBoundaries }, (_, boundary) => {
    const down = newLane(firstSlot + 2 * boundary, { freeNs: 0 });
    return [down, newLane(down.slot + 1, isHalfDuplex(boundary) ? down.carrier : { freeNs: 0 })];
  }).flat();
}
