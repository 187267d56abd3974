import { InputError } from "../../core/index.ts";
import { type MemoryNeed, totalBytes } from "./memory.ts";
import { pipelineStep } from "./pipeline.ts";
import type { Platform, Training } from "./setting.ts";
import { shardedMemory, shardedStep } from "./sharded.ts";
import { type SingleJobSchedule, singleJobStep } from "./single-job.ts";
import { tensorParallelMemory, tensorParallelStep } from "./tensor-parallel.ts";

/** Seconds in which every job advances by one step, divided by the jobs, and what the fullest device needs. */
interface StrategyStep {
  readonly seconds: number;
  readonly memory: MemoryNeed;
}

/** Undefined where the setting does not allow the strategy. */
type Strategy = (platform: Platform, training: Training, numJobs: number) => StrategyStep | undefined;

/** Groups of fused adapters: one a device, or one a job where there are fewer. */
function fusedGroups(jobs: number, numDevices: number): readonly number[] {
  const groups = Math.min(jobs, numDevices);
  return Array.from({ length: groups }, (_, group) => Math.floor((jobs + groups - 1 - group) / groups));
}

function lorapp(platform: Platform, training: Training, groups: readonly number[]): StrategyStep {
  const { secondsPerJobStep, memory } = pipelineStep(platform, training, { schedule: "lorapp", groups });
  return { seconds: secondsPerJobStep, memory };
}

function singleJob(schedule: SingleJobSchedule): Strategy {
  return (platform, training) => singleJobStep(platform, training, schedule);
}

function sharded(strategy: "fsdp" | "ddp"): Strategy {
  const choice = { strategy, prefetch: 1 };
  return (platform, training) =>
    training.sequences % platform.numDevices === 0
      ? {
          seconds: shardedStep(platform, training, choice),
          memory: shardedMemory(platform, training, choice),
        }
      : undefined;
}

/** LoRAPP runs all jobs at once; the others run one after another, as systems without it do. */
const STRATEGIES = {
  lorapp: (platform, training, numJobs) =>
    training.full
      ? undefined
      : lorapp(
          platform,
          training,
          Array.from({ length: numJobs }, () => 1),
        ),
  "lorapp-fused": (platform, training, numJobs) =>
    training.full || numJobs <= platform.numDevices
      ? undefined
      : lorapp(platform, training, fusedGroups(numJobs, platform.numDevices)),
  "1f1b": singleJob("1f1b"),
  gpipe: singleJob("gpipe"),
  interleaved: singleJob("interleaved"),
  "zb-h1": singleJob("zb-h1"),
  tp: (platform, training) => {
    const whole = { ...training, microBatches: 1 };
    return { seconds: tensorParallelStep(platform, whole), memory: tensorParallelMemory(platform, whole) };
  },
  fsdp: sharded("fsdp"),
  ddp: sharded("ddp"),
} as const satisfies Readonly<Record<string, Strategy>>;

export type StrategyName = keyof typeof STRATEGIES;
export const STRATEGY_NAMES = Object.keys(STRATEGIES) as readonly StrategyName[];

/** One way to train the jobs and what it would take. */
export interface StrategyRow {
  readonly strategy: StrategyName;
  readonly recompute: boolean;
  readonly secondsPerJobStep: number;
  readonly tokensPerSecond: number;
  /** Of the fullest device. */
  readonly peakBytes: number;
  readonly fits: boolean;
}

/** Every strategy for some equal jobs, with and without recomputation, in a fixed order; what the setting does not allow is left out. */
export function compareStrategies(platform: Platform, training: Training, numJobs: number): readonly StrategyRow[] {
  const tokens = training.sequences * training.sequenceLength;
  return [false, true].flatMap((recompute) =>
    STRATEGY_NAMES.flatMap((strategy): readonly StrategyRow[] => {
      const step = STRATEGIES[strategy](platform, { ...training, recompute }, numJobs);
      if (step === undefined) return [];
      const peakBytes = totalBytes(platform, step.memory);
      return [
        {
          strategy,
          recompute,
          secondsPerJobStep: step.seconds,
          tokensPerSecond: tokens / step.seconds,
          peakBytes,
          fits: peakBytes <= platform.memoryBytes,
        },
      ];
    }),
  );
}

/** Tokens a second of all jobs together. @throws InputError for a strategy that the setting does not allow. */
export function strategyRate(platform: Platform, training: Training, numJobs: number, strategy: StrategyName): number {
  const step = STRATEGIES[strategy](platform, training, numJobs);
  if (step === undefined)
    throw new InputError({ expected: "a strategy that the workload and the cluster allow", got: strategy });
  return (training.sequences * training.sequenceLength) / step.seconds;
}

const BISECTIONS = 40;
const LEAST_EFFICIENCY = 1e-3;

/**
 * The share of the peak at which a strategy reaches an observed rate, all other figures as they are: one number from one observation.
 * @throws InputError for a strategy that the setting does not allow, or a rate that no share of the peak gives.
 */
export function efficiencyFromObservation(
  platform: Platform,
  training: Training,
  numJobs: number,
  observed: { readonly strategy: StrategyName; readonly tokensPerSecond: number },
): number {
  const rateAt = (computeEfficiency: number): number => {
    const at = { ...platform, efficiency: { ...platform.efficiency, computeEfficiency } };
    return strategyRate(at, training, numJobs, observed.strategy);
  };
  let [low, high] = [LEAST_EFFICIENCY, 1];
  const [slowest, fastest] = [rateAt(low), rateAt(high)];
  if (observed.tokensPerSecond < slowest || observed.tokensPerSecond > fastest)
    throw new InputError({
      expected: `between ${slowest.toFixed(0)} and ${fastest.toFixed(0)} tokens/s for ${observed.strategy}`,
      got: observed.tokensPerSecond,
      hint: "Launches, memory traffic and links bound the rate whatever the share of the peak is.",
    });
  for (let round = 0; round < BISECTIONS; round += 1) {
    const middle = Math.sqrt(low * high);
    if (rateAt(middle) < observed.tokensPerSecond) low = middle;
    else high = middle;
  }
  return high;
}
