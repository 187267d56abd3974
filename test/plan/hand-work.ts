import type { MicroBatch, PlannedGroup, PlannedPipeline } from "../../plan/index.ts";

/** A group that trains all steps of its jobs. */
export function wholeGroup(jobs: readonly number[], steps: number, pipeline = 0): PlannedGroup {
  return { pipeline, members: jobs.map((job) => ({ job, firstStep: 0, endStep: steps })) };
}

/** Micro-batches that name what they come after: the last of the mini-batch before theirs. */
export function withAfter(microBatches: readonly Omit<MicroBatch, "after">[]): MicroBatch[] {
  return microBatches.map((microBatch) => {
    const before = microBatches.findLast(
      ({ group, step }) => group === microBatch.group && step === microBatch.step - 1,
    );
    return { ...microBatch, after: before === undefined ? [] : [before.index] };
  });
}

/** A pipeline with room for anything. */
export function roomyPipeline(firstStage: number, endStage: number): PlannedPipeline {
  return { firstStage, endStage, room: { maxTokens: 4096, maxSequence: 4096, maxJobs: 16, ranks: { q_proj: 64 } } };
}
