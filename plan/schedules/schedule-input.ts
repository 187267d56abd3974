import { UPDATE } from "../actions/action.ts";
import type { MiniBatch } from "../actions/mini-batch.ts";
import { coded, type StageOrders } from "../actions/order.ts";
import type { GroupRoom } from "./admission.ts";
import type { ScheduledTimes } from "./scheduled-times.ts";

/** What a schedule may know: the work, how long it takes, and how many micro-batches may be in flight. */
export interface ScheduleInput {
  readonly numStages: number;
  /** Mini-batches by [group][step]. */
  readonly miniBatches: readonly (readonly MiniBatch[])[];
  /** Nanoseconds of an action on its stage; the letter as its code. */
  durationNs(stage: number, letter: number, microBatch: number): number;
  /**
   * Nanoseconds from a message's start to its arrival, and for how much of it the lane is taken. `boundary` s joins
   * stages s and s + 1.
   */
  transferNs(boundary: number, microBatch: number): { readonly arrival: number; readonly occupied: number };
  /** Whether both directions of a boundary share one lane; each has its own where absent. */
  isHalfDuplex?(boundary: number): boolean;
  /**
   * Nanoseconds from the end of a clipping mini-batch's last backward on the first stage until a stage has the gradient
   * norms that its update waits for; none where absent.
   */
  signalNs?(stage: number): number;
  /**
   * The most micro-batches between the start of their forward and the end of their backward on a stage; null for no
   * limit.
   */
  readonly maxInFlight: number | null;
  /**
   * The most activation memory in flight on the first stage, in any unit; absent for no limit. What is in flight on a
   * later stage is part of that on the first, so that one limit holds everywhere. A micro-batch that is larger than the
   * limit goes alone.
   */
  readonly activations?: { readonly limit: number; sizeOf(microBatch: number): number } | undefined;
  /** What bounds the groups that train at once; absent for no limit. */
  readonly admission?: GroupRoom | undefined;
  /** Who writes down when a schedule that runs the actions has them run; others write nothing. */
  readonly times?: ScheduledTimes;
  /** Whether the update of this mini-batch waits for the gradient norm of all stages. */
  clips(miniBatch: MiniBatch): boolean;
}

export type Schedule = (input: ScheduleInput) => StageOrders;

/** The update that ends a mini-batch, as orders have it: it carries the last micro-batch. */
export function updateOf({ microBatches }: MiniBatch): number {
  return coded(UPDATE, microBatches[microBatches.length - 1]!);
}
