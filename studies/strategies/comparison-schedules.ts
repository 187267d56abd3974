import { InputError } from "../../core/index.ts";
import type { DeviceNeed } from "./device-needs.ts";
import type { Platform, TrainedModel } from "./platform.ts";
import { shardedNeeds, shardedTasks } from "./sharded.ts";
import { type SplitSchedule, splitPipelineExpects, splitPipelineNeeds, splitPipelineTasks } from "./split-pipelines.ts";
import type { StepGraph } from "./step-graph.ts";
import { cutStep, type StepRows } from "./step-rows.ts";
import { tensorParallelNeeds, tensorParallelTasks } from "./tensor-parallel.ts";

/** Ways to train that are simulated and never planned or executed. */
export const COMPARISON_SCHEDULES = ["tp", "fsdp", "ddp", "interleaved", "zb-h1"] as const;
export type ComparisonSchedule = (typeof COMPARISON_SCHEDULES)[number];

export interface ComparisonOptions {
  /** Whether messages and collectives that need not wait run beside computation. */
  readonly overlap: boolean;
  /** Layers that `fsdp` gathers ahead of the one in use. */
  readonly prefetch: number;
}

/** One optimizer step of one job: its tasks, what each device needs for it, and why it cannot be, where it cannot. */
interface StepStrategy {
  refusal(platform: Platform, model: TrainedModel, step: StepRows): InputError | undefined;
  tasks(platform: Platform, model: TrainedModel, step: StepRows, options: ComparisonOptions): StepGraph;
  needs(platform: Platform, model: TrainedModel, step: StepRows, options: ComparisonOptions): readonly DeviceNeed[];
}

function sharded(strategy: "fsdp" | "ddp"): StepStrategy {
  return {
    refusal: ({ devices }, _model, { lengths }) =>
      lengths.length % devices.length === 0
        ? undefined
        : new InputError({
            expected: `a batchSize that is a multiple of ${devices.length} devices for ${strategy}`,
            at: "batchSize",
            got: lengths.length,
          }),
    tasks: (platform, model, step, options) => shardedTasks(platform, model, step, { strategy, ...options }),
    needs: (platform, model, step, options) => shardedNeeds(platform, model, step, { strategy, ...options }),
  };
}

function splitPipeline(schedule: SplitSchedule): StepStrategy {
  return {
    refusal({ devices }, { architecture: { numLayers } }, step) {
      const numMicroBatches = cutStep(step).length;
      const expected = splitPipelineExpects(schedule, devices.length, numLayers, numMicroBatches);
      if (expected === undefined) return undefined;
      return new InputError({
        expected,
        at: "batchSize",
        got: `${numMicroBatches} micro-batches, ${numLayers} layers`,
        hint: "batchSize / microBatchSize is the number of micro-batches.",
      });
    },
    tasks: (platform, model, step, { overlap }) => splitPipelineTasks(platform, model, step, schedule, overlap),
    needs: (platform, model, step) => splitPipelineNeeds(platform, model, step, schedule),
  };
}

export const COMPARISON_TABLE: Readonly<Record<ComparisonSchedule, StepStrategy>> = {
  tp: { refusal: () => undefined, tasks: tensorParallelTasks, needs: tensorParallelNeeds },
  fsdp: sharded("fsdp"),
  ddp: sharded("ddp"),
  interleaved: splitPipeline("interleaved"),
  "zb-h1": splitPipeline("zb-h1"),
};
