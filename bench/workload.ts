import {
  type Architecture,
  architectureFromConfig,
  type Calibration,
  constantCalibration,
  type Dtype,
  huggingFaceConfigSchema,
  type Job,
  jobDefaults,
  type LengthData,
  lengthRows,
  makePlan,
  type Plan,
  type PlanRequest,
  type Projection,
  type Recompute,
  type ResolvedDevice,
  type ResolvedLink,
  type ScheduleName,
  sealPlan,
} from "../plan/index.ts";
import { predictPlan } from "../sim/index.ts";
import type { Scale } from "./suite.ts";

/** A Llama shape with a tied head, or one of another family. */
export interface ModelShape {
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly intermediate: number;
  readonly vocabulary: number;
  /** hidden / heads when absent. */
  readonly headDim?: number;
  /** Keys of config.json of another family than Llama's: `model_type`, and what is its own. */
  readonly family?: Readonly<Record<string, unknown>>;
}

const WIDE_MODEL: ModelShape = {
  hidden: 768,
  layers: 12,
  heads: 12,
  kvHeads: 12,
  intermediate: 2048,
  vocabulary: 32000,
};

/** The model of most suites: 110 million parameters where times count. */
export const MODEL: Readonly<Record<Scale, ModelShape>> = {
  full: WIDE_MODEL,
  default: WIDE_MODEL,
  quick: { hidden: 768, layers: 3, heads: 12, kvHeads: 12, intermediate: 2048, vocabulary: 8000 },
  tiny: { hidden: 64, layers: 2, heads: 4, kvHeads: 4, intermediate: 128, vocabulary: 256 },
};

export const ATTENTION_TARGETS: readonly Projection[] = ["q_proj", "k_proj", "v_proj", "o_proj"];

/** A config.json of a shape. */
export function configOf(shape: ModelShape): Readonly<Record<string, unknown>> {
  return {
    hidden_size: shape.hidden,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    intermediate_size: shape.intermediate,
    vocab_size: shape.vocabulary,
    tie_word_embeddings: true,
    head_dim: shape.headDim,
    ...shape.family,
  };
}

export function architectureOf(shape: ModelShape): Architecture {
  return architectureFromConfig(huggingFaceConfigSchema.parse(configOf(shape)));
}

/** Frozen parameters that multiply every token: all projections and the head, a tied one counted once. */
export function multipliedParameters(shape: ModelShape): number {
  const { hidden, layers, heads, kvHeads, intermediate, vocabulary, headDim = hidden / heads } = shape;
  const attention = 2 * hidden * (heads + kvHeads) * headDim;
  return layers * (attention + 3 * hidden * intermediate) + hidden * vocabulary;
}

export interface JobShape {
  readonly rank: number;
  readonly targets: readonly Projection[];
  /** Sequences of an optimizer step and of a micro-batch; tokens of a sequence. */
  readonly batchSize: number;
  readonly microBatchSize: number;
  readonly length: LengthData["lengths"];
  readonly steps: number;
}

export interface PlanShape {
  readonly model: ModelShape;
  readonly dtype: Dtype;
  readonly jobs: readonly JobShape[];
  /** Threads of each CPU device, or the devices themselves. */
  readonly devices: readonly number[] | readonly ResolvedDevice[];
  readonly schedule?: ScheduleName;
  /** Groups of jobs that share micro-batches; every job alone when absent. */
  readonly groups?: number;
  readonly calibration?: Calibration;
  readonly recompute?: Recompute;
  /** One when absent. */
  readonly pipelines?: PlanRequest["pipelines"];
  /** Between devices of different machines. */
  readonly network?: Pick<ResolvedLink, "bandwidthBytesPerSecond" | "latencySeconds" | "transfers">;
}

export function devicesOf(devices: PlanShape["devices"]): readonly ResolvedDevice[] {
  return devices.map((device, index) =>
    typeof device !== "number"
      ? device
      : {
          name: `cpu:${index}`,
          machine: "local",
          kind: "cpu",
          type: "cpu",
          threads: device,
          memoryBytes: null,
          peakFlopsPerSecond: null,
          memoryBytesPerSecond: null,
        },
  );
}

export function benchPlan(shape: PlanShape): Plan {
  const jobs = shape.jobs.map(
    ({ rank, targets, batchSize, microBatchSize, length, steps }, index): Job => ({
      ...jobDefaults(),
      name: `job${index}`,
      adapter: { rank, alpha: 2 * rank, dropout: 0, targets: [...targets] },
      data: { lengths: length, samples: batchSize * steps },
      cutoffLength: 4096,
      batchSize,
      microBatchSize,
      steps,
      seed: index,
    }),
  );
  const devices = devicesOf(shape.devices);
  const body = makePlan({
    architecture: architectureOf(shape.model),
    dtype: shape.dtype,
    modelDigest: null,
    recompute: shape.recompute ?? "none",
    jobs,
    rows: jobs.map((job) => lengthRows(job, job.data as LengthData)),
    devices,
    links: devices.slice(1).map((device, index) => ({
      id: `${devices[index]!.name}-${device.name}`,
      shared: false,
      ...(shape.network === undefined || devices[index]!.machine === device.machine
        ? { type: "host", bandwidthBytesPerSecond: null, latencySeconds: 0 }
        : { type: "network", ...shape.network }),
    })),
    calibration: shape.calibration ?? constantCalibration(),
    schedule: shape.schedule ?? "lorapp",
    maxInFlight: "auto",
    groups: shape.groups ?? "unfused",
    ...(shape.pipelines === undefined ? {} : { pipelines: shape.pipelines }),
  });
  const predicted = shape.calibration === undefined ? body : predictPlan(body).body;
  return sealPlan(predicted, { model: null, data: {}, init: {} });
}
