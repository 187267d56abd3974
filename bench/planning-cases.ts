import { createRng, type Rng } from "../core/index.ts";
import {
  architectureFromConfig,
  type Catalog,
  clusterSchema,
  computeDtype,
  type Dtype,
  gpuCalibration,
  huggingFaceConfigSchema,
  type Job,
  jobDefaults,
  type LengthData,
  lengthRows,
  type PlanRequest,
  PRESETS,
  resolveDevices,
  resolveLinks,
  UNFUSED_PROJECTIONS,
} from "../plan/index.ts";

/** GPUs, models and links that people would put together. */
const DEVICES = ["RTX A6000", "A100 SXM 80", "H100 SXM"] as const;
const MODELS: readonly {
  readonly name: string;
  readonly dtypes: readonly Dtype[];
  readonly devices: readonly number[];
}[] = [
  { name: "llama-2-7b", dtypes: ["bfloat16", "nf4"], devices: [1, 2, 4, 8] },
  { name: "llama-2-13b", dtypes: ["bfloat16", "nf4"], devices: [2, 4, 8] },
  { name: "llama-2-70b", dtypes: ["bfloat16", "nf4"], devices: [4, 8] },
];
const LENGTHS: readonly LengthData["lengths"][] = [
  512,
  { distribution: "uniform", min: 100, max: 900 },
  { distribution: "lognormal", mean: 400, sigma: 0.8, min: 1, max: 2048 },
];

/** One of some values, by chance. */
export function pick<T>(rng: Rng, values: readonly T[]): T {
  return values[rng.nextInt(values.length)]!;
}

/** What a job of a planning case is; its cut is open where there is no micro-batch size. */
export interface PlanningJobs {
  readonly numJobs: number;
  readonly lengths: LengthData["lengths"];
  readonly batchSize: number;
  readonly microBatchSize?: number;
  readonly steps: number;
  readonly rank: number;
}

export interface PlanningCase {
  readonly model: string;
  readonly dtype: Dtype;
  readonly device: string;
  readonly numDevices: number;
  readonly link: string;
  readonly jobs: PlanningJobs;
}

/** Case `seed` of the random ones: always the same. */
export function randomCase(seed: number): PlanningCase {
  const rng = createRng(`planning ${seed}`);
  const model = pick(rng, MODELS);
  const batchSize = pick(rng, [8, 16]);
  const microBatchSize = pick(rng, [undefined, 1, 2, 4]);
  return {
    model: model.name,
    dtype: pick(rng, model.dtypes),
    device: pick(rng, model.name === "llama-2-70b" ? DEVICES.slice(1) : DEVICES),
    numDevices: pick(rng, model.devices),
    link: pick(rng, ["pcie4x16", "nvlink3"]),
    jobs: {
      numJobs: 1 + rng.nextInt(8),
      lengths: pick(rng, LENGTHS),
      batchSize,
      ...(microBatchSize === undefined ? {} : { microBatchSize }),
      steps: 12 + rng.nextInt(20),
      rank: pick(rng, [8, 16, 64]),
    },
  };
}

/**
 * The case that the planner once got wrong by a factor of four: long-tailed lengths, of which the longest sized every
 * activation slot.
 */
export const LONG_TAILED: PlanningCase = {
  model: "llama-2-70b",
  dtype: "bfloat16",
  device: "H100 SXM",
  numDevices: 4,
  link: "nvlink4",
  jobs: {
    numJobs: 4,
    lengths: { distribution: "lognormal", mean: 400, sigma: 0.8, min: 1, max: 2048 },
    batchSize: 16,
    microBatchSize: 4,
    steps: 40,
    rank: 16,
  },
};

/** What the planner is asked for, with everything open that the case leaves open. */
export function requestOf(
  { model, dtype, device, numDevices, link, jobs }: PlanningCase,
  catalog: Catalog,
): PlanRequest {
  const cluster = clusterSchema.parse({
    kind: "cluster",
    version: 1,
    machines: [
      {
        name: "box",
        devices: Array.from({ length: numDevices }, (_, i) => ({ name: `g${i}`, type: device })),
        link: { type: link },
      },
    ],
  });
  const devices = resolveDevices(cluster, catalog, { memoryBytes: 1, cores: () => 1 });
  const made = Array.from({ length: jobs.numJobs }, (_, index): Job => {
    const { batchSize, microBatchSize, steps, rank, lengths } = jobs;
    return {
      ...jobDefaults(),
      name: `job${index}`,
      adapter: { rank, alpha: 16, dropout: 0, targets: [...UNFUSED_PROJECTIONS] },
      data: { lengths, samples: 4096 },
      cutoffLength: 2048,
      batchSize,
      ...(microBatchSize === undefined ? {} : { microBatchSize }),
      steps,
      seed: index,
    };
  });
  return {
    architecture: architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS[model]!)),
    dtype,
    modelDigest: null,
    recompute: "auto",
    jobs: made,
    rows: made.map((job) => lengthRows(job, job.data as LengthData)),
    devices,
    links: resolveLinks(cluster, devices, catalog),
    calibration: gpuCalibration(catalog, devices, computeDtype(dtype))!,
    schedule: "lorapp",
    maxInFlight: "auto",
    groups: "auto",
    pipelines: "auto",
  };
}
