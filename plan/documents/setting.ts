import { z } from "zod";
import { architectureSchema } from "./architecture.ts";
import { calibrationSchema } from "./calibration.ts";
import { resolvedDeviceSchema, resolvedLinkSchema } from "./cluster.ts";
import { dtypeSchema } from "./dtype.ts";
import { ADAPTED } from "./projections.ts";
import { projectionSchema } from "./written-values.ts";

const index = z.int().min(0);
const count = z.int().positive();
const bytes = z.int().min(0);

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

/** The largest work that a pipeline has room for: what the layouts of its stages are made for. */
export const roomSchema = z.strictObject({
  /** The most tokens of a micro-batch, and of a row. */
  maxTokens: count,
  maxSequence: count,
  /** The most jobs in a micro-batch. */
  maxJobs: count,
  /** The largest rank among the adapters on each projection, and of `embed_tokens` the most rows; those that no adapter targets are left out. */
  ranks: z.partialRecord(z.enum(ADAPTED), count),
  /** Projections on which an adapter may have magnitudes; absent where none may. */
  dora: z.array(projectionSchema).min(1).optional(),
  /** The most prompts that are answered together, and tokens of one with its answer; absent where none is. */
  sample: z.strictObject({ sequences: count, tokens: count }).optional(),
});

/** A chain of devices with one copy of the base model: neighbouring stages, from the embedding to the head. */
export const pipelineSchema = z.strictObject({
  firstStage: index,
  /** One past the last stage. */
  endStage: count,
  room: roomSchema,
});

/** How many buffers of one micro-batch's activations (or gradients) a stage holds in each direction. */
export const buffersSchema = z.strictObject({
  activationIn: index,
  activationOut: index,
  gradientIn: index,
  gradientOut: index,
});

/** The most that a stage's device holds at any time of a run. */
export const memorySchema = z.strictObject({
  weights: bytes,
  /** Parameters and gradients of the adapters that are there at once. */
  adapters: bytes,
  /** The optimizer's moments. */
  optimizer: bytes,
  /** Saved activations of the micro-batches in flight. */
  activations: bytes,
  /** Buffers of the transfers. */
  buffers: bytes,
  workspace: bytes,
  /**
   * Room for CUDA graphs out of what `total` leaves of a GPU, and no part of it, since nothing needs them; absent where
   * none are kept.
   */
  graphs: count.optional(),
  total: bytes,
});

/** Where jobs over time have the states of those that are on no device. */
export const statesRoomSchema = z.strictObject({
  /** Bytes of the host's memory, beyond which they lie on its disk; null: as many as there are. */
  hostBytes: count.nullable(),
  /** By device, how fast they come from and go to the host's memory, and from there to the disk; null: in no time. */
  linkBytesPerSecond: z.array(z.number().positive().nullable()),
  diskBytesPerSecond: z.number().positive().nullable(),
});

/** What never changes in a run: who computes, with how much room, and at what cost. Segments of work come one by one. */
export const settingSchema = z.strictObject({
  schedule: z.enum(SCHEDULES),
  /**
   * The most micro-batches whose forward has run and whose backward has not, by stage; null is no limit, on a stage or
   * on any.
   */
  maxInFlight: z.array(count.nullable()).nullable(),
  model: z.strictObject({
    architecture: architectureSchema,
    dtype: dtypeSchema,
    digest: z.string().nullable(),
    /** sha256 over the bytes of all weights, where `--verify-weights` asked for it. */
    weightsDigest: z.string().optional(),
  }),
  devices: z.array(resolvedDeviceSchema).min(1),
  /**
   * links[s] joins stage s and stage s + 1, null where those are of two pipelines; forward and backward directions are
   * separate lanes unless shared.
   */
  links: z.array(resolvedLinkSchema.nullable()),
  stages: z.array(stageSchema).min(1),
  /** In the order of their stages, which are numbered through the whole plan. */
  pipelines: z.array(pipelineSchema).min(1),
  buffers: z.array(buffersSchema).min(1),
  memory: z.array(memorySchema).min(1),
  /** Of jobs over time; absent: in memory, in no time. */
  states: statesRoomSchema.optional(),
  /**
   * Where a micro-batch's activations go. `placed`: as a whole order needs the least; such a plan has one segment.
   * `first-fit`: into the lowest hole between those in flight, which takes no look ahead.
   */
  slots: z.enum(["placed", "first-fit"]),
  /** The costs that the plan was made with, and their hash. */
  calibration: calibrationSchema,
  calibrationHash: z.string(),
});

export type Stage = z.infer<typeof stageSchema>;
export type Room = z.infer<typeof roomSchema>;
export type PlannedPipeline = z.infer<typeof pipelineSchema>;
export type Buffers = z.infer<typeof buffersSchema>;
/** What a stage needs; a planned one may have room for graphs beside it. */
export type StageMemory = Omit<z.infer<typeof memorySchema>, "graphs">;
export type StatesRoom = z.infer<typeof statesRoomSchema>;
export type Setting = z.infer<typeof settingSchema>;
