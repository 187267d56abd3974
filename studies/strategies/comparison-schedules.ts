import { InputError } from "../../core/index.ts";
import { type DeviceNeed, type HeldLayers, heldUpdateSeconds } from "./device-needs.ts";
import type { Platform, TrainedModel } from "./platform.ts";
import { shardedLayers, shardedNeeds, shardedTasks } from "./sharded.ts";
import {
  type SplitSchedule,
  splitPipelineExpects,
  splitPipelineLayers,
  splitPipelineNeeds,
  splitPipelineTasks,
} from "./split-pipelines.ts";
import type { StepGraph } from "./step-graph.ts";
import { cutStep, type StepRows } from "./step-rows.ts";
import { withUpdates } from "./step-updates.ts";
import { tensorParallelLayers, tensorParallelNeeds, tensorParallelTasks } from "./tensor-parallel.ts";

/** Ways to train that are simulated and never planned or executed. */
export const COMPARISON_SCHEDULES = ["tp", "fsdp", "ddp", "interleaved", "zb-h1"] as const;
export type ComparisonSchedule = (typeof COMPARISON_SCHEDULES)[number];

export interface ComparisonOptions {
  /** Whether messages and collectives that need not wait run beside computation. */
  readonly overlap: boolean;
  /** Layers that `fsdp` gathers ahead of the one in use. */
  readonly prefetch: number;
}

/**
 * One optimizer step of one job: its tasks but for updates, what each device holds and needs for it, and why it cannot
 * be, where it cannot.
 */
interface StepStrategy {
  /** Whether each device has gradients that others lack, once all are added up. */
  readonly dividesGradients: boolean;
  refusal(platform: Platform, model: TrainedModel, step: StepRows): InputError | undefined;
  holds(platform: Platform, model: TrainedModel): readonly HeldLayers[];
  tasks(platform: Platform, model: TrainedModel, step: StepRows, options: ComparisonOptions): StepGraph;
  needs(platform: Platform, model: TrainedModel, step: StepRows, options: ComparisonOptions): readonly DeviceNeed[];
}

function sharded(strategy: "fsdp" | "ddp"): StepStrategy {
  return {
    dividesGradients: strategy === "fsdp",
    holds: (platform, model) => shardedLayers(platform, model, strategy),
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
    dividesGradients: true,
    holds: (platform, model) => splitPipelineLayers(platform, model, schedule),
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
  tp: {
    dividesGradients: true,
    refusal: () => undefined,
    holds: tensorParallelLayers,
    tasks: tensorParallelTasks,
    needs: tensorParallelNeeds,
  },
  fsdp: sharded("fsdp"),
  ddp: sharded("ddp"),
  interleaved: splitPipeline("interleaved"),
  "zb-h1": splitPipeline("zb-h1"),
};

/** The whole step of a schedule: each device updates what it holds. */
export function comparisonStep(
  schedule: ComparisonSchedule,
  platform: Platform,
  model: TrainedModel,
  step: StepRows,
  options: ComparisonOptions,
): StepGraph {
  const { holds, tasks, dividesGradients } = COMPARISON_TABLE[schedule];
  return withUpdates(platform, tasks(platform, model, step, options), {
    seconds: holds(platform, model).map((held) => heldUpdateSeconds(platform, model, held)),
    needsNorms: model.clips === true && dividesGradients,
  });
}
