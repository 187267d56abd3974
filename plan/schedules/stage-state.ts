import { type DueSlots, Fifo } from "../../core/index.ts";
import type { MiniBatch } from "../actions/mini-batch.ts";

/** What carries the bytes of one lane, or of both lanes of a boundary. */
interface Carrier {
  freeNs: number;
}

/** Messages on their way to a stage over one lane, first in, first out. */
export interface Lane {
  readonly slot: number;
  readonly boundary: number;
  readonly to: number;
  readonly carrier: Carrier;
  /** Of each message its micro-batch, and when it arrives. */
  readonly microBatches: Fifo<number>;
  readonly arrivalsNs: Fifo<number>;
  /** Whether its slot is due: its stage idles, and is to be looked at when the first message arrives. */
  isDue: boolean;
}

/** What a list scheduler knows of a stage: what runs, and what may. */
export interface StageState {
  /** As orders have it; `NOTHING` while it idles. */
  running: number;
  readonly forwards: Fifo<number>;
  readonly backwards: Fifo<number>;
  readonly updates: Fifo<MiniBatch>;
  inFlight: number;
  /** Lanes from and to its neighbours; absent at an end of the pipeline. */
  readonly forwardsFrom: Lane | undefined;
  readonly forwardsTo: Lane | undefined;
  readonly backwardsFrom: Lane | undefined;
  readonly backwardsTo: Lane | undefined;
}

export const NOTHING = -1;

function newLane(slot: number, boundary: number, to: number, carrier: Carrier): Lane {
  return { slot, boundary, to, carrier, microBatches: new Fifo(), arrivalsNs: new Fifo(), isDue: false };
}

/** The lanes of some boundaries, down and up of each, in slots from one on. */
export function newLanes(
  firstSlot: number,
  numBoundaries: number,
  isHalfDuplex: (boundary: number) => boolean,
): readonly Lane[] {
  return Array.from({ length: numBoundaries }, (_, boundary) => {
    const down = newLane(firstSlot + 2 * boundary, boundary, boundary + 1, { freeNs: 0 });
    const carrier = isHalfDuplex(boundary) ? down.carrier : { freeNs: 0 };
    return [down, newLane(down.slot + 1, boundary, boundary, carrier)];
  }).flat();
}

/** The stages that these lanes join. */
export function newStages(numStages: number, lanes: readonly Lane[]): readonly StageState[] {
  return Array.from({ length: numStages }, (_, stage) => ({
    running: NOTHING,
    forwards: new Fifo(),
    backwards: new Fifo(),
    updates: new Fifo(),
    inFlight: 0,
    forwardsFrom: stage === 0 ? undefined : lanes[2 * (stage - 1)],
    forwardsTo: lanes[2 * stage],
    backwardsFrom: lanes[2 * stage + 1],
    backwardsTo: stage === 0 ? undefined : lanes[2 * stage - 1],
  }));
}

function takeArrived(lane: Lane | undefined, queue: Fifo<number>, nowNs: number): void {
  if (lane === undefined) return;
  const { arrivalsNs, microBatches } = lane;
  for (let first = arrivalsNs.first; first !== undefined && first <= nowNs; first = arrivalsNs.first) {
    arrivalsNs.take();
    queue.add(microBatches.take()!);
  }
}

/** What has arrived by a time may run. */
export function receive({ forwardsFrom, forwards, backwardsFrom, backwards }: StageState, nowNs: number): void {
  takeArrived(forwardsFrom, forwards, nowNs);
  takeArrived(backwardsFrom, backwards, nowNs);
}

function awaitArrival(lane: Lane | undefined, due: DueSlots): void {
  if (lane === undefined || lane.isDue || lane.arrivalsNs.first === undefined) return;
  lane.isDue = true;
  due.add(lane.slot, lane.arrivalsNs.first);
}

/** An idle stage is looked at when the first message arrives. */
export function awaitBoth({ forwardsFrom, backwardsFrom }: StageState, due: DueSlots): void {
  awaitArrival(forwardsFrom, due);
  awaitArrival(backwardsFrom, due);
}

/** Its slot has come due. Gives the stage to look at. */
export function wake(lane: Lane): number {
  lane.isDue = false;
  return lane.to;
}
