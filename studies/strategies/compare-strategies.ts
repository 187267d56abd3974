import { type MemoryNeed, totalBytes } from "./memory.ts";
import { pipelineStep } from "./pipeline.ts";
import type { Platform, Training } from "./setting.ts";
import { shardedMemory, shardedStep } from "./sharded.ts";
import { SINGLE_JOB_SCHEDULES, singleJobStep } from "./single-job.ts";
import { tensorParallelMemory, tensorParallelStep } from "./tensor-parallel.ts";

/** One way to train the jobs and what it would take. */
export interface StrategyRow {
  readonly strategy: string;
  readonly recompute: boolean;
  /** In which every job advances by one step, jobs one after another or at once, divided by the jobs. */
  readonly secondsPerJobStep: number;
  readonly tokensPerSecond: number;
  /** Of the fullest device. */
  readonly peakBytes: number;
  readonly fits: boolean;
}

/** Groups of fused adapters: one a device, or one a job where there are fewer. */
function fusedGroups(jobs: number, numDevices: number): readonly number[] {
  const groups = Math.min(jobs, numDevices);
  return Array.from({ length: groups }, (_, group) => Math.floor((jobs + groups - 1 - group) / groups));
}

/**
 * Every strategy for some equal jobs, with and without recomputation, in a fixed order. LoRAPP runs all jobs at once; the
 * others run one after another, as systems without it do. A strategy that the setting does not allow is left out.
 */
export function compareStrategies(platform: Platform, training: Training, numJobs: number): readonly StrategyRow[] {
  const rows: StrategyRow[] = [];
  const tokens = training.sequences * training.sequenceLength;
  for (const recompute of [false, true]) {
    const setting = { ...training, recompute };
    const add = (strategy: string, seconds: number, memory: MemoryNeed): void => {
      const peakBytes = totalBytes(platform, memory);
      rows.push({
        strategy,
        recompute,
        secondsPerJobStep: seconds,
        tokensPerSecond: tokens / seconds,
        peakBytes,
        fits: peakBytes <= platform.memoryBytes,
      });
    };
    if (!training.full) {
      const apart = pipelineStep(platform, setting, {
        schedule: "lorapp",
        groups: Array.from({ length: numJobs }, () => 1),
      });
      add("lorapp", apart.secondsPerJobStep, apart.memory);
      if (numJobs > platform.numDevices) {
        const fused = pipelineStep(platform, setting, {
          schedule: "lorapp",
          groups: fusedGroups(numJobs, platform.numDevices),
        });
        add("lorapp, fused", fused.secondsPerJobStep, fused.memory);
      }
    }
    for (const schedule of SINGLE_JOB_SCHEDULES) {
      const run = singleJobStep(platform, setting, schedule);
      if (run !== undefined) add(schedule, run.seconds, run.memory);
    }
    const whole = { ...setting, microBatches: 1 };
    add("tp", tensorParallelStep(platform, whole), tensorParallelMemory(platform, whole));
    if (training.sequences % platform.numDevices === 0)
      for (const strategy of ["fsdp", "ddp"] as const) {
        const choice = { strategy, prefetch: 1 };
        add(strategy, shardedStep(platform, setting, choice), shardedMemory(platform, setting, choice));
      }
  }
  return rows;
}
