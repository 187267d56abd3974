import { z } from "zod";
import { dataSchema } from "./data.ts";
import { earlyStoppingSchema } from "./early-stopping.ts";
import { lossSchema } from "./loss.ts";
import { adapterSchema, evaluationSchema, nameSchema, optimizerSchema, sampleSchema } from "./workload.ts";

const index = z.int().min(0);
const count = z.int().positive();
const actionKeySchema = z.string().regex(/^\d+[FBUE]\d+$/, "an action such as 2F0");

export const plannedJobSchema = z.strictObject({
  name: nameSchema,
  adapter: adapterSchema,
  data: dataSchema,
  /** sha256 of the tokens and labels of the rows; null when only lengths are known. */
  dataDigest: z.string().nullable(),
  /** Rows of its data that cannot be read and are left out; absent for none. */
  skippedRows: count.optional(),
  /** sha256 of the adapter that it starts from; absent for one that starts fresh. */
  initDigest: z.string().optional(),
  cutoffLength: count.max(2 ** 24),
  batchSize: count,
  /** What its micro-batches were cut by: rows, tokens, or both. */
  microBatchSize: count.optional(),
  microBatchTokens: count.optional(),
  steps: count,
  /** The step that the plan begins with, from 0, where an earlier run has made those before it. */
  firstStep: count.optional(),
  optimizer: optimizerSchema,
  loss: lossSchema.optional(),
  seed: index,
  priority: z.int(),
  evaluation: evaluationSchema.optional(),
  sample: sampleSchema.optional(),
  /** By which of its losses it ends before its last step; all of its steps are planned. */
  earlyStopping: earlyStoppingSchema.optional(),
});

/**
 * A job in a group, which trains its steps from `firstStep` up to, and without, `endStep` as long as the group goes on.
 * The group's step s is the job's step `firstStep + s`.
 */
export const memberSchema = z.strictObject({ job: index, firstStep: index, endStep: count });

/** Jobs that share micro-batches, on one pipeline. One whose members change goes on as another group. */
export const groupSchema = z.strictObject({
  /** Index into the setting's `pipelines`. */
  pipeline: index,
  /** In the order of their jobs. */
  members: z.array(memberSchema).min(1),
});

/** The answers of a row whose loss compares them; or a prompt that is answered. */
export const comparedRowSchema = z.strictObject({
  /**
   * [tokens, scored tokens, tokens of its prompt] of each sequence that the adapter is on: chosen and rejected, or an
   * answer and, where the loss asks for it, one to the same prompt that belongs to another. Where the loss has a reference
   * the base has the same ones once more.
   */
  answers: z
    .array(z.tuple([count, index, count]))
    .min(1)
    .max(2),
  /** Of an answer with a label. */
  isDesirable: z.boolean().optional(),
  /**
   * Where a mini-batch of such answers is in several micro-batches, each row is in it twice: with the one that belongs to
   * another, and behind all of these with its own.
   */
  part: z.enum(["other", "own"]).optional(),
  /** Of a held-out row that the base alone is evaluated on: no adapter is on its one sequence. */
  base: z.literal(true).optional(),
  /**
   * Of a prompt that is answered, after which none of its tokens is scored: the most tokens of the answer. Nothing is
   * compared; the row has its prompt alone, twice where the base answers it, too.
   */
  generates: count.optional(),
});

/**
 * [job index, row of the job's data, tokens, scored tokens, its answers where they are compared, or are to come]: tokens of all of its
 * sequences, of the base's ones, too. Rows of data of their own for an evaluation are numbered on behind those of the
 * job's data, and prompts that are answered behind these.
 */
export const plannedRowSchema = z.tuple([index, index, count, index, comparedRowSchema.optional()]);

export const microBatchSchema = z.strictObject({
  index,
  group: index,
  /** The group's optimizer step, from 0. */
  step: index,
  /** The micro-batch within the mini-batch, or within its evaluation, from 0. */
  part: index,
  /**
   * Of held-out rows: only evaluated, once its step's update has been made and before the next step. Of prompts: answered
   * then.
   */
  evaluation: z.literal(true).optional(),
  /**
   * What has to have ended before its forward may begin on the pipeline's first stage: the mini-batches before it of its
   * jobs, each by the micro-batch whose backward there is the last. For an evaluation, its own mini-batch.
   */
  after: z.array(index),
  /** Rows in job order: each job's rows are neighbours. */
  rows: z.array(plannedRowSchema).min(1),
});

/** Work that is done: by whom, in which pieces, in which order. Numbers go on from segment to segment. */
export const workSchema = z.strictObject({
  jobs: z.array(plannedJobSchema),
  groups: z.array(groupSchema),
  microBatches: z.array(microBatchSchema),
  /** actions[s]: the ordered action keys of stage s. */
  actions: z.array(z.array(actionKeySchema)).min(1),
});

/**
 * A piece of a plan: the jobs, groups and micro-batches that are new in it, and the actions of each stage, which may be
 * of micro-batches of the segments before it, too. Its mini-batches are whole.
 */
export const segmentSchema = workSchema.extend({
  index,
  /** The hash of the segment before it, or of the setting. */
  previous: z.string(),
  /** Covers all else of the segment. */
  hash: z.string(),
});

export type PlannedJob = z.infer<typeof plannedJobSchema>;
export type Member = z.infer<typeof memberSchema>;
export type PlannedGroup = z.infer<typeof groupSchema>;
export type ComparedRow = z.infer<typeof comparedRowSchema>;
export type PlannedRow = z.infer<typeof plannedRowSchema>;
export type MicroBatch = z.infer<typeof microBatchSchema>;
export type Work = z.infer<typeof workSchema>;
export type Segment = z.infer<typeof segmentSchema>;
