import { InputError } from "../../core/index.ts";
import type { MemoryNeed } from "./memory.ts";
import type { Platform, TrainedModel } from "./setting.ts";
import { shardedNeeds, shardedTasks } from "./sharded.ts";
import { type SingleJobSchedule, singleJobNeeds, singleJobTasks } from "./single-job.ts";
import type { StepGraph } from "./step-graph.ts";
import type { StepRows } from "./step-rows.ts";
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

/** One optimizer step of one job: its tasks, and what each device needs for it. @throws InputError for a setting that the schedule cannot have. */
interface StepStrategy {
  tasks(platform: Platform, model: TrainedModel, step: StepRows, options: ComparisonOptions): StepGraph;
  needs(platform: Platform, model: TrainedModel, step: StepRows, options: ComparisonOptions): readonly MemoryNeed[];
}

function sharded(strategy: "fsdp" | "ddp"): StepStrategy {
  const check = ({ numDevices }: Platform, { lengths }: StepRows): void => {
    if (lengths.length % numDevices !== 0)
      throw new InputError({
        expected: `a batchSize that is a multiple of ${numDevices} devices for ${strategy}`,
        at: "batchSize",
        got: lengths.length,
      });
  };
  return {
    tasks(platform, model, step, { prefetch, overlap }) {
      check(platform, step);
      return shardedTasks(platform, model, step, { strategy, prefetch, overlap });
    },
    needs(platform, model, step, { prefetch, overlap }) {
      check(platform, step);
      return shardedNeeds(platform, model, step, { strategy, prefetch, overlap });
    },
  };
}

function pipelined(schedule: SingleJobSchedule): StepStrategy {
  const there = <T>({ numDevices }: Platform, { arch }: TrainedModel, step: StepRows, found: T | undefined): T => {
    if (found !== undefined) return found;
    const numMicroBatches = Math.ceil(step.lengths.length / step.microBatchSize);
    throw new InputError({
      expected: `micro-batches that are a multiple of ${numDevices} devices, and two layers a device, for ${schedule}`,
      at: "batchSize",
      got: `${numMicroBatches} micro-batches, ${arch.numLayers} layers`,
      hint: "batchSize / microBatchSize is the number of micro-batches.",
    });
  };
  return {
    tasks: (platform, model, step, { overlap }) =>
      there(platform, model, step, singleJobTasks(platform, model, step, schedule, overlap)),
    needs: (platform, model, step) => there(platform, model, step, singleJobNeeds(platform, model, step, schedule)),
  };
}

export const COMPARISON_TABLE: Readonly<Record<ComparisonSchedule, StepStrategy>> = {
  tp: { tasks: tensorParallelTasks, needs: tensorParallelNeeds },
  fsdp: sharded("fsdp"),
  ddp: sharded("ddp"),
  interleaved: pipelined("interleaved"),
  "zb-h1": pipelined("zb-h1"),
};
