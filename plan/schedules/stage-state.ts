import { Fifo } from "../../core/index.ts";
import type { Action } from "../action.ts";
import type { MiniBatch } from "../mini-batch.ts";

/** What a list scheduler knows of a stage: what runs, and what may. */
export interface StageState {
  running: Action | undefined;
  readonly forwards: Fifo<number>;
  readonly backwards: Fifo<number>;
  readonly updates: Fifo<MiniBatch>;
  inFlight: number;
}

export function newStageState(): StageState {
  return { running: undefined, forwards: new Fifo(), backwards: new Fifo(), updates: new Fifo(), inFlight: 0 };
}

/** Messages on their way over one lane, first in, first out. */
export interface Lane {
  readonly slot: number;
  freeNs: number;
  readonly arrivals: Fifo<{ readonly timeNs: number; readonly microBatch: number }>;
}

export function newLane(slot: number): Lane {
  return { slot, freeNs: 0, arrivals: new Fifo() };
}
