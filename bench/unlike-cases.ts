import { createRng, type Rng } from "../core/index.ts";
import {
  architectureFromConfig,
  assumedCalibration,
  type Calibration,
  type Catalog,
  calibrationSchema,
  clusterSchema,
  type Dtype,
  huggingFaceConfigSchema,
  type Job,
  jobDefaults,
  type LengthData,
  lengthRows,
  type PlanRequest,
  PRESETS,
  type ResolvedDevice,
  resolveDevices,
  resolveLinks,
  UNFUSED_PROJECTIONS,
} from "../plan/index.ts";
import { pick } from "./planning-cases.ts";

const MODELS = ["tinyllama-1.1b", "tinyllama-1.1b", "llama-2-7b", "llama-3-8b", "llama-2-13b", "llama-2-70b"] as const;
const CARDS = ["RTX 4090", "RTX A6000", "A100 SXM 80", "H100 SXM"] as const;
const DEVICES = [1, 2, 2, 3, 4, 4, 6, 8] as const;
const COSTS = ["assumed", "assumed", "assumed", "roofline", "measured", "constant"] as const;

/** What a measured calibration of the cases times. */
const OPERATORS = [
  ...["embed", "matmul", "rope", "attention", "lora", "rmsnorm", "swiglu", "copy"].map((name) => `${name}:F`),
  ...["matmul", "rope", "attention", "lora", "rmsnorm", "rmsnorm-again", "swiglu", "swiglu-again", "copy"].map(
    (name) => `${name}:B`,
  ),
  "update",
  "head",
];

type Costs = (typeof COSTS)[number];

/** A workload whose jobs have little in common, on a cluster; what it leaves open is the planner's. */
export interface UnlikeCase {
  readonly model: (typeof MODELS)[number];
  readonly dtype: Dtype;
  readonly device: string;
  readonly numDevices: number;
  readonly link: string;
  /** Of a device's own; less makes memory bind. */
  readonly memoryShare: number;
  readonly costs: Costs;
  readonly jobs: readonly Job[];
}

function unlikeLengths(rng: Rng): LengthData["lengths"] {
  const mean = pick(rng, [64, 128, 256, 512, 1024]);
  const kind = rng.nextInt(3);
  if (kind === 0) return mean;
  if (kind === 1) return { distribution: "uniform", min: mean >> 2, max: 2 * mean };
  return { distribution: "lognormal", mean, sigma: 0.8, min: 1, max: 2048 };
}

/** Case `seed` of the random ones: always the same. */
export function unlikeCase(seed: number): UnlikeCase {
  const rng = createRng(`unlike ${seed}`);
  const model = pick(rng, MODELS);
  const isLarge = model === "llama-2-70b";
  const numDevices = isLarge ? pick(rng, [4, 8]) : pick(rng, DEVICES);
  const most = pick(rng, [2, 4, 8, 12, 24, 40]);
  const numJobs = Math.max(most >> 1, 1 + rng.nextInt(most));
  const isAlike = rng.nextInt(4) === 0;
  const cuts = pick(rng, ["open", "open", "open", "mixed"]);
  const longest = pick(rng, [4, 6, 10]);
  const drawn = () => ({
    rank: pick(rng, [4, 8, 16, 32, 64, 128]),
    batchSize: pick(rng, [2, 4, 8]),
    lengths: unlikeLengths(rng),
    steps: isAlike ? longest : Math.max(4, Math.ceil(longest * rng.nextFloat())),
  });
  const shared = drawn();
  return {
    model,
    dtype: pick(rng, ["bfloat16", "nf4"]),
    device: isLarge ? pick(rng, CARDS.slice(2)) : pick(rng, CARDS),
    numDevices,
    link: pick(rng, ["pcie4x16", "nvlink3"]),
    memoryShare: pick(rng, [1, 1, 1, 0.6]),
    costs: pick(rng, COSTS),
    jobs: Array.from({ length: numJobs }, (_, index): Job => {
      const { rank, batchSize, lengths, steps } = isAlike ? shared : drawn();
      return {
        ...jobDefaults(),
        name: `job${index}`,
        adapter: { rank, alpha: 16, dropout: 0, targets: [...UNFUSED_PROJECTIONS] },
        data: { lengths, samples: 512 },
        cutoffLength: 2048,
        batchSize,
        ...(cuts === "mixed" && rng.nextInt(2) === 0 ? { microBatchSize: pick(rng, [1, batchSize]) } : {}),
        steps,
        seed: index,
      };
    }),
  };
}

/** The peaks of a device as what a measurement of its operators would come to, with a time for each launch. */
function measuredAt({ peakFlopsPerSecond, memoryBytesPerSecond }: ResolvedDevice, dtype: Dtype): Calibration {
  const flops = 0.6 * (peakFlopsPerSecond?.bfloat16 ?? 1e14);
  const bytes = 0.7 * (memoryBytesPerSecond ?? 1e12);
  return calibrationSchema.parse({
    kind: "calibration",
    version: 1,
    model: "measured",
    device: { type: "measured", description: "", threads: 1, devicesAtOnce: 1 },
    date: "2026-01-01",
    dtype,
    operators: OPERATORS.map((operator) => ({
      operator,
      coefficients: { one: 8e-6, flops: 1 / flops, elements: 4 / bytes, weights: 2 / bytes },
      samples: 1,
      meanAbsError: 0.02,
      residualSpread: 0.02,
    })),
    actionSeconds: { F: 1e-4, B: 1e-4, U: 1e-4 },
    link: { latencySeconds: 1e-5, secondsPerByte: 1 / 2e10 },
    holdOut: { points: 8, meanAbsError: 0.02, p90AbsError: 0.04 },
    samplesHash: "",
  });
}

function calibrationOf(
  { costs, dtype }: UnlikeCase,
  catalog: Catalog,
  devices: readonly ResolvedDevice[],
): Calibration {
  if (costs === "measured") return measuredAt(devices[0]!, dtype);
  const constant = { kind: "calibration", version: 1, model: "constant" } as const;
  if (costs === "constant")
    return calibrationSchema.parse({
      ...constant,
      seconds: { F: 0.01, B: 0.02, transfer: 1e-3, update: 5e-3 },
      perTokens: 512,
    });
  if (costs === "roofline")
    return calibrationSchema.parse({
      ...constant,
      model: "roofline",
      computeEfficiency: 0.5,
      memoryEfficiency: 0.7,
      launchSeconds: 5e-6,
      transferEfficiency: 0.8,
      transferLatencySeconds: 1e-5,
    });
  return assumedCalibration(catalog, devices, dtype, {}).calibration;
}

/** What the planner is asked for, with everything open that the case leaves open. */
export function unlikeRequest(described: UnlikeCase, catalog: Catalog): PlanRequest {
  const { model, dtype, device, numDevices, link, memoryShare, jobs } = described;
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
  const devices = resolveDevices(cluster, catalog, { memoryBytes: 1, cores: () => 1 }).map((each) => ({
    ...each,
    memoryBytes: each.memoryBytes === null ? null : Math.floor(memoryShare * each.memoryBytes),
  }));
  return {
    architecture: architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS[model])),
    dtype,
    modelDigest: null,
    recompute: "auto",
    jobs,
    rows: jobs.map((job) => lengthRows(job, job.data as LengthData)),
    devices,
    links: resolveLinks(cluster, devices, catalog),
    calibration: calibrationOf(described, catalog, devices),
    schedule: "auto",
    maxInFlight: "auto",
    groups: "auto",
    jobsAtOnce: "auto",
    pipelines: "auto",
  };
}
