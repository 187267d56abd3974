import {
  type Architecture,
  architectureFromConfig,
  EXECUTOR,
  huggingFaceConfigSchema,
  type LayersCalibration,
  PRESETS,
  type ResolvedDevice,
} from "../../plan/index.ts";
import { createTopology } from "../../sim/index.ts";
import type { ComparisonSchedule, JobsRun, Platform } from "../../studies/index.ts";
import { fixedInterconnect, topologyInterconnect } from "../../studies/index.ts";

export function preset(name: string): Architecture {
  return architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS[name]!));
}

export const GPU: ResolvedDevice = {
  name: "g",
  machine: "box",
  kind: "cuda",
  type: "custom",
  threads: 1,
  memoryBytes: 80e9,
  peakFlopsPerSecond: { float32: 50e12, bfloat16: 100e12 },
  memoryBytesPerSecond: 1e12,
};

export const FIGURES: LayersCalibration = {
  kind: "calibration",
  version: 1,
  model: "layers",
  source: "round numbers",
  computeEfficiency: 0.5,
  activationBytes: 15,
  scoreBytes: 0,
  launchSeconds: 2e-4,
  headBytes: 0,
  transferEfficiency: 1,
  transferLatencySeconds: 0,
  meanError: 0,
};

/** Of transfers that take no time. */
export const FREE = { hopSeconds: 0, hopBytesPerSecond: 1e18, ringBytesPerSecond: 1e18 };

export function platform(numDevices = 4, more: Partial<Platform> = {}, perMachine = numDevices): Platform {
  const devices = Array.from({ length: numDevices }, (_, index) => {
    const machine = index < perMachine ? GPU.machine : `box${Math.floor(index / perMachine)}`;
    return { ...GPU, name: `g${index}`, machine };
  });
  return {
    devices,
    figures: FIGURES,
    interconnect: fixedInterconnect({ numDevices, ...FREE }),
    program: EXECUTOR,
    ...more,
  };
}

/** What a device needs to update so many parameters by these figures: a launch, and seven numbers of 4 bytes each. */
export function updateSeconds(parameters: number): number {
  return FIGURES.launchSeconds + (7 * 4 * parameters) / GPU.memoryBytesPerSecond!;
}

/** Micro-batches as the schedules take them: pipelines cut the mini-batch, the others do not. */
export function microBatchSize(schedule: ComparisonSchedule, cut = 2, batch = 8): number {
  return schedule === "interleaved" || schedule === "zb-h1" ? cut : batch;
}

interface RunOptions extends Partial<Omit<JobsRun, "model" | "schedule" | "jobs">> {
  readonly model?: Partial<JobsRun["model"]>;
  readonly microBatchSize?: number;
  readonly names?: readonly string[];
  /** Of every job. */
  readonly job?: Partial<JobsRun["jobs"][number]>;
}

/** Jobs of these steps with one schedule, in bfloat16. */
export function jobsRun(
  schedule: ComparisonSchedule,
  steps: readonly (readonly number[])[],
  { model, microBatchSize: size = microBatchSize(schedule), names = ["a", "b"], job, ...more }: RunOptions = {},
): JobsRun {
  const used = more.platform ?? platform();
  const adapter = { rank: 16, alpha: 32, dropout: 0, targets: ["q_proj" as const, "v_proj" as const] };
  return {
    schedule,
    platform: used,
    model: { architecture: preset("llama-2-7b"), dtype: "bfloat16", recompute: "none", full: false, ...model },
    jobs: names.map((name) => ({ name, adapter, steps, cut: { microBatchSize: size }, ...job })),
    options: { overlap: true, prefetch: 1 },
    hash: "sha256:request",
    devices: used.devices.map(({ name }) => name),
    ...more,
  };
}

/** One box, whose devices share its switches' links in twos. */
export const sharedNetwork = (numDevices: number) =>
  topologyInterconnect(
    createTopology([
      {
        numDevices,
        devicesPerSwitch: 2,
        slotBytesPerSecond: 20e9,
        uplinkBytesPerSecond: 20e9,
        bridgeBytesPerSecond: 25e9,
        peerAccess: true,
        fabricBytesPerSecond: null,
        networkBytesPerSecond: 1e9,
        deviceLatencySeconds: 1e-5,
        networkLatencySeconds: 1e-5,
        messageSeconds: 1e-5,
      },
    ]),
  );
