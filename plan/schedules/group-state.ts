import { Fifo } from "../../core/index.ts";
import { BACKWARD, EVALUATION, FORWARD } from "../actions/action.ts";
import { MiniBatchQueue } from "./mini-batch-queue.ts";
import type { ScheduleInput } from "./schedule-input.ts";

/** What a list scheduler knows of a group. */
export interface GroupState {
  /** Mini-batches that have not ended on stage 0; the first of them may be entering it, from its part `part` on. */
  readonly miniBatches: MiniBatchQueue;
  part: number;
  /** Micro-batches to evaluate of the mini-batch that has ended last; they enter stage 0 before the next one's. */
  readonly evaluations: Fifo<number>;
  /** By stage, backwards that have ended of its mini-batch there; a group has one at a time. */
  readonly backwardsDone: Int32Array;
  /** Groups that have to end before it begins, and those that wait for its end. */
  waitsFor: number;
  readonly followers: number[];
  /** Whether it counts among those that train. */
  isAdmitted: boolean;
}

export function newGroupState(numStages: number): GroupState {
  return {
    miniBatches: new MiniBatchQueue(),
    part: 0,
    evaluations: new Fifo(),
    backwardsDone: new Int32Array(numStages),
    waitsFor: 0,
    followers: [],
    isAdmitted: false,
  };
}

/** Whether it has a mini-batch that has not ended on the first stage, or one to evaluate that has not entered it. */
export function hasWork({ miniBatches, evaluations }: GroupState): boolean {
  return miniBatches.size > 0 || evaluations.size > 0;
}

/** What enters the first stage next of a group that is ready. */
export function nextMicroBatch({ evaluations, miniBatches, part }: GroupState): number {
  return evaluations.first ?? miniBatches.first!.microBatches[part]!;
}

/** That has entered: whether more may at once, or only when the mini-batch has ended, or nothing is left to do. */
export function enterNext(state: GroupState): "more" | "later" | "nothing" {
  const { evaluations, miniBatches } = state;
  if (evaluations.take() !== undefined) return hasWork(state) ? "more" : "nothing";
  state.part += 1;
  return state.part < miniBatches.first!.microBatches.length ? "more" : "later";
}

/** Nanoseconds on the first stage of what a group that has begun nothing has to do. */
export function firstStageNs({ miniBatches }: GroupState, { durationNs }: Pick<ScheduleInput, "durationNs">): number {
  return miniBatches.workNs(({ microBatches, evaluation = [] }) => {
    let ns = 0;
    for (const microBatch of microBatches)
      ns += durationNs(0, FORWARD, microBatch) + durationNs(0, BACKWARD, microBatch);
    for (const microBatch of evaluation) ns += durationNs(0, EVALUATION, microBatch);
    return ns;
  });
}
