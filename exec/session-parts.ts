import type { Fifo } from "../core/index.ts";
import type { EventNumbers } from "./event-numbers.ts";
import type { LoweredAction, Lowering } from "./lowering.ts";
import type { NormCells } from "./norm-cells.ts";
import type { RunInput } from "./run-input.ts";
import type { JobInput } from "./session-input.ts";
import type { StageRunner } from "./stage-runner.ts";

/**
 * Actions that a stage's queue may hold ahead: many, so that JavaScript seldom takes a device's core to fill it; not
 * all, so that it never holds a long run; and of long ones fewer, since a run that is to end early runs what is queued.
 * The least is above that at which a device asks for more (native/src/runtime/stream.cc).
 */
export const AHEAD = { least: 40, most: 256, seconds: 1 } as const;

/** What of a stage's order is not over. */
export interface StageQueue {
  /** Actions that its device does not have. */
  readonly coming: Fifo<LoweredAction>;
  /** Those that it has, by position: until they, and the messages that they send, have ended. */
  readonly queued: Map<number, LoweredAction>;
  numEnqueued: number;
  /** Of micro-batches between forward and backward. */
  readonly inputs: Map<number, RunInput>;
}

/** What is made before a session, since its stages ask for it. */
export interface SessionParts {
  readonly events: EventNumbers;
  readonly startEvent: number;
  readonly lowering: Lowering;
  readonly cells: NormCells;
  readonly jobs: Map<number, JobInput>;
  readonly leaving: Set<number>;
  readonly runners: readonly StageRunner[];
}
