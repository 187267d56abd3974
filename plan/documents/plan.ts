import { z } from "zod";
import { architectureSchema } from "./architecture.ts";
import { calibrationSchema } from "./calibration.ts";
import { resolvedDeviceSchema, resolvedLinkSchema } from "./cluster.ts";
import { adapterSchema, dataSchema, dtypeSchema, nameSchema, optimizerSchema } from "./workload.ts";

const index = z.int().min(0);
const count = z.int().positive();
const bytes = z.int().min(0);
const actionKeySchema = z.string().regex(/^\d+[FBU]\d+$/, "an action such as 2F0");

/** A document of another version is made anew, not converted. */
export const PLAN_VERSION = 2;

export const SCHEDULES = ["lorapp", "lorapp-gpipe", "1f1b", "gpipe", "sequential"] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

/**
 * A contiguous range of decoder layers on one device; the first and the last of them may be shared with a neighbour.
 */
export const stageSchema = z.strictObject({
  index,
  /** Index into `devices`. */
  device: index,
  firstLayer: index,
  /** One past the last layer. */
  endLayer: count,
  /** The attention of the first layer is on the stage before; this one begins with its MLP. */
  startsAtMlp: z.literal(true).optional(),
  /** The MLP of the last layer is on the stage behind; this one ends with its attention. */
  endsAtAttention: z.literal(true).optional(),
  embedding: z.boolean(),
  head: z.boolean(),
  /** So many of its layers, from its first, keep only their input, and the backward computes them again. */
  recomputedLayers: index,
});

/** A chain of devices with one copy of the base model: neighbouring stages, from the embedding to the head. */
export const pipelineSchema = z.strictObject({
  firstStage: index,
  /** One past the last stage. */
  endStage: count,
  /** The groups that it trains, ascending; each is on one pipeline. */
  groups: z.array(index).min(1),
});

export const plannedJobSchema = z.strictObject({
  name: nameSchema,
  adapter: adapterSchema,
  data: dataSchema,
  /** sha256 of the tokens and labels of the rows; null when only lengths are known. */
  dataDigest: z.string().nullable(),
  cutoffLength: count,
  batchSize: count,
  /** What its micro-batches were cut by: rows, tokens, or both. */
  microBatchSize: count.optional(),
  microBatchTokens: count.optional(),
  steps: count,
  optimizer: optimizerSchema,
  seed: index,
  priority: z.int(),
});

/** [job index, row of the job's data, tokens, scored tokens] */
export const plannedRowSchema = z.tuple([index, index, count, index]);

export const microBatchSchema = z.strictObject({
  index,
  group: index,
  /** The group's optimizer step, from 0. */
  step: index,
  /** The micro-batch within the mini-batch, from 0. */
  part: index,
  /** Rows in job order: each job's rows are neighbours. */
  rows: z.array(plannedRowSchema).min(1),
});

/** How many buffers of one micro-batch's activations (or gradients) a stage holds in each direction. */
export const buffersSchema = z.strictObject({
  activationIn: index,
  activationOut: index,
  gradientIn: index,
  gradientOut: index,
});

export const memorySchema = z.strictObject({
  weights: bytes,
  /** Parameters and gradients of the adapters. */
  adapters: bytes,
  /** The optimizer's moments. */
  optimizer: bytes,
  /** Saved activations of the micro-batches in flight. */
  activations: bytes,
  /** Buffers of the transfers. */
  buffers: bytes,
  workspace: bytes,
  total: bytes,
});

export const predictedSchema = z.strictObject({
  makespanSeconds: z.number().min(0),
  tokensPerSecond: z.number().min(0),
  bubbleRatio: z.number().nullable(),
  bubbleRatioTotal: z.number(),
  peakMemoryBytes: z.array(bytes),
});

export const planBodySchema = z.strictObject({
  kind: z.literal("plan"),
  version: z.literal(PLAN_VERSION),
  schedule: z.enum(SCHEDULES),
  /** Whether jobs of a group share micro-batches (BatchLoRA). */
  fused: z.boolean(),
  /**
   * The most micro-batches whose forward has run and whose backward has not, by stage; null is no limit, on a stage or
   * on any.
   */
  maxInFlight: z.array(count.nullable()).nullable(),
  model: z.strictObject({ architecture: architectureSchema, dtype: dtypeSchema, digest: z.string().nullable() }),
  devices: z.array(resolvedDeviceSchema).min(1),
  /**
   * links[s] joins stage s and stage s + 1, null where those are of two pipelines; forward and backward directions are
   * separate lanes unless shared.
   */
  links: z.array(resolvedLinkSchema.nullable()),
  stages: z.array(stageSchema).min(1),
  /** In the order of their stages. Stages, groups, micro-batches and jobs are numbered through the whole plan. */
  pipelines: z.array(pipelineSchema).min(1),
  jobs: z.array(plannedJobSchema).min(1),
  /** Job indices of each group, in job order. */
  groups: z.array(z.array(index).min(1)).min(1),
  microBatches: z.array(microBatchSchema).min(1),
  /** actions[s]: the ordered action keys of stage s. */
  actions: z.array(z.array(actionKeySchema)).min(1),
  buffers: z.array(buffersSchema).min(1),
  memory: z.array(memorySchema).min(1),
  /** The costs that the plan was made with, and their hash. */
  calibration: calibrationSchema,
  calibrationHash: z.string(),
  predicted: predictedSchema.nullable(),
});

/** Where the plan's inputs lay when it was made; not part of the hash, absolute paths. */
export const locationsSchema = z.strictObject({
  model: z.string().nullable(),
  /** By job name. */
  data: z.record(z.string(), z.string()),
  init: z.record(z.string(), z.string()),
});

export const planSchema = planBodySchema.extend({ hash: z.string(), locations: locationsSchema }).strict();

export type Stage = z.infer<typeof stageSchema>;
export type PlannedPipeline = z.infer<typeof pipelineSchema>;
export type PlannedJob = z.infer<typeof plannedJobSchema>;
export type PlannedRow = z.infer<typeof plannedRowSchema>;
export type MicroBatch = z.infer<typeof microBatchSchema>;
export type Buffers = z.infer<typeof buffersSchema>;
export type StageMemory = z.infer<typeof memorySchema>;
export type Predicted = z.infer<typeof predictedSchema>;
export type PlanBody = z.infer<typeof planBodySchema>;
export type Locations = z.infer<typeof locationsSchema>;
export type Plan = z.infer<typeof planSchema>;
