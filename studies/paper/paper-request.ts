import {
  architectureFromConfig,
  huggingFaceConfigSchema,
  type Job,
  jobDefaults,
  type LayersCalibration,
  lengthRows,
  type PlanRequest,
  PRESETS,
  type ProgramMemory,
  type ResolvedDevice,
  type ResolvedLink,
} from "../../plan/index.ts";
import { fixedInterconnect } from "../strategies/interconnect.ts";
import type { Platform } from "../strategies/platform.ts";
import type { PaperModel } from "./published.ts";

/** The evaluation's GPUs, its links, and what its programs take of both. */
export interface PaperPlatform {
  readonly device: ResolvedDevice;
  readonly calibration: LayersCalibration;
  /** Of one message beside its bytes: until it has arrived. */
  readonly hopSeconds: number;
  readonly hopBytesPerSecond: number;
  /** What a device sends into a ring of all devices, while all do. */
  readonly ringBytesPerSecond: number;
  readonly program: ProgramMemory;
}

export const NUM_GPUS = 4;

function devicesOf({ device }: PaperPlatform, count: number): readonly ResolvedDevice[] {
  return Array.from({ length: count }, (_, index) => ({ ...device, name: `${device.name}:${index}` }));
}

/** The platform of strategies that are not planned, on so many of the GPUs; one GPU alone sends nothing. */
export function comparedPlatform(paper: PaperPlatform, numDevices: number): Platform {
  const { calibration, hopSeconds, hopBytesPerSecond, ringBytesPerSecond, program } = paper;
  return {
    devices: devicesOf(paper, numDevices),
    figures: calibration,
    interconnect: fixedInterconnect({ numDevices, hopSeconds, hopBytesPerSecond, ringBytesPerSecond }),
    program,
  };
}

/** The evaluation's jobs: batch 8 of 512 tokens in four micro-batches, rank 16 on the four projections of attention. */
const SEQUENCES = 8;
const MICRO_BATCH_SIZE = 2;
const TOKENS = 512;
const ADAPTER = {
  rank: 16,
  alpha: 32,
  dropout: 0,
  targets: ["q_proj", "k_proj", "v_proj", "o_proj"],
} satisfies Job["adapter"];

function jobOf(index: number, steps: number): Job {
  return {
    ...jobDefaults(),
    name: `job${index}`,
    adapter: ADAPTER,
    data: { lengths: TOKENS, samples: SEQUENCES },
    batchSize: SEQUENCES,
    microBatchSize: MICRO_BATCH_SIZE,
    steps,
  };
}

/** The model in fp32, as the evaluation trains it on four GPUs. */
export function paperModel(model: PaperModel) {
  const architecture = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS[model]!));
  return { architecture, dtype: "float32", recompute: "none", full: false, adapter: ADAPTER } as const;
}

/** The rows of a step. */
export const STEP_LENGTHS: readonly number[] = Array.from({ length: SEQUENCES }, () => TOKENS);

/**
 * Fused only from six adapters on, as the paper reports; then as many groups as devices, or as few as equal sizes
 * allow.
 */
export function paperGroups(adapters: number): number {
  return adapters < 6 ? adapters : Math.ceil(adapters / Math.ceil(adapters / NUM_GPUS));
}

/** As equal as can be, the first stages longer, since the last has the head. */
function evenLayers(numLayers: number, numStages: number): readonly number[] {
  return Array.from({ length: numStages }, (_, stage) => Math.ceil((numLayers - stage) / numStages));
}

/** So many steps of so many jobs at once with LoRAPP. */
export function paperRequest(paper: PaperPlatform, model: PaperModel, adapters: number, steps: number): PlanRequest {
  const { architecture, dtype, recompute } = paperModel(model);
  const { hopSeconds, hopBytesPerSecond, calibration, program } = paper;
  const jobs = Array.from({ length: adapters }, (_, index) => jobOf(index, steps));
  const links = Array.from(
    { length: NUM_GPUS - 1 },
    (_, index): ResolvedLink => ({
      id: `hop${index}`,
      type: "rpc",
      shared: false,
      bandwidthBytesPerSecond: hopBytesPerSecond,
      latencySeconds: hopSeconds,
    }),
  );
  return {
    architecture,
    dtype,
    modelDigest: null,
    recompute,
    jobs,
    rows: jobs.map((job) => lengthRows(job, { lengths: TOKENS, samples: SEQUENCES })),
    devices: devicesOf(paper, NUM_GPUS),
    links,
    calibration,
    schedule: "lorapp",
    maxInFlight: "auto",
    groups: paperGroups(adapters),
    layersPerStage: evenLayers(architecture.numLayers, NUM_GPUS),
    program,
  };
}
