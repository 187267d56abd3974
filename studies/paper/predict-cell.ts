import { architectureFromConfig, huggingFaceConfigSchema, PRESETS } from "../../plan/index.ts";
import { fixedInterconnect } from "../strategies/interconnect.ts";
import { totalBytes } from "../strategies/memory.ts";
import { pipelineStep } from "../strategies/pipeline.ts";
import { loraParameters, type Platform, type Training } from "../strategies/setting.ts";
import { shardedMemory, shardedStep } from "../strategies/sharded.ts";
import { tensorParallelMemory, tensorParallelStep } from "../strategies/tensor-parallel.ts";
import type { PaperModel, PublishedCell } from "./published.ts";

/** Predicted seconds of one step of one job, and what the fullest device needs. */
export interface CellPrediction {
  readonly stepSeconds: number;
  readonly peakBytes: number;
  readonly fits: boolean;
}

const RANK = 16;
/** One GPU sends nothing. */
const ALONE = fixedInterconnect({ numDevices: 1, hopSeconds: 0, hopBytesPerSecond: 1, ringBytesPerSecond: 1 });
const NUM_GPUS = 4;

/** The evaluation's setting: batch 8 of 512 tokens, rank 16 on the four projections of attention, fp32. */
export function paperTraining(model: PaperModel): Training {
  const arch = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS[model]!));
  return {
    arch,
    sequences: 8,
    sequenceLength: 512,
    microBatches: 4,
    activationBytes: 4,
    weightBytes: 4,
    full: false,
    recompute: false,
    adapterParameters: loraParameters(arch, RANK, ["q_proj", "k_proj", "v_proj", "o_proj"]),
  };
}

/** Fused only from six adapters on, as the paper reports; then as many groups as devices, or as few as equal sizes allow. */
export function paperGroups(adapters: number): readonly number[] {
  if (adapters < 6) return Array.from({ length: adapters }, () => 1);
  const fused = Math.ceil(adapters / NUM_GPUS);
  return Array.from({ length: Math.ceil(adapters / fused) }, (_, group) => Math.min(fused, adapters - group * fused));
}

function result(platform: Platform, stepSeconds: number, need: Parameters<typeof totalBytes>[1]): CellPrediction {
  const peakBytes = totalBytes(platform, need);
  return { stepSeconds, peakBytes, fits: peakBytes <= platform.memoryBytes };
}

/**
 * What a system would need for a cell. 1F1B is LoRAPP with one adapter: the paper's two bars for it are the same, and its
 * runtime takes whatever can run, so that a late gradient does not hold up a forward.
 */
export function predictCell(
  platform: Platform,
  { model, system, adapters }: Pick<PublishedCell, "model" | "system" | "adapters">,
): CellPrediction {
  const training = paperTraining(model);
  switch (system) {
    case "1f1b":
    case "lorapp": {
      const run = pipelineStep(platform, training, { schedule: "lorapp", groups: paperGroups(adapters) });
      return result(platform, run.secondsPerJobStep, run.memory);
    }
    case "tp": {
      const whole = { ...training, microBatches: 1 };
      return result(platform, tensorParallelStep(platform, whole), tensorParallelMemory(platform, whole));
    }
    case "fsdp": {
      const choice = { strategy: "fsdp", prefetch: 1 } as const;
      return result(platform, shardedStep(platform, training, choice), shardedMemory(platform, training, choice));
    }
    case "peft": {
      const alone = { ...platform, numDevices: 1, interconnect: ALONE };
      const eightBit = { ...training, microBatches: 1, weightBytes: 1, recompute: true };
      const choice = { strategy: "ddp", prefetch: 0 } as const;
      return result(alone, shardedStep(alone, eightBit, choice), shardedMemory(alone, eightBit, choice));
    }
  }
}
