import { Fifo } from "../core/index.ts";
import type { Sampled } from "./generation/stage-sampler.ts";
import type { LoweredAction } from "./lowering.ts";
import type { RunInput } from "./run-input.ts";

/** What of a stage's order is not over. */
export interface StageQueue {
  /** Actions that its device does not have. */
  readonly coming: Fifo<LoweredAction>;
  /** Those that it has, by position: until they, and the messages that they send, have ended. */
  readonly queued: Map<number, LoweredAction>;
  numEnqueued: number;
  /** Of micro-batches between forward and backward. */
  readonly inputs: Map<number, RunInput>;
  /** Whether prompts are being answered: nothing else may be in its device's queue. */
  isSampling: boolean;
  /** By position, what was answered, until the action is over. */
  readonly sampled: Map<number, Sampled>;
}

export function newStageQueue(): StageQueue {
  return {
    coming: new Fifo(),
    queued: new Map(),
    numEnqueued: 0,
    inputs: new Map(),
    isSampling: false,
    sampled: new Map(),
  };
}
