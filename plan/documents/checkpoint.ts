import { z } from "zod";
import { placeSchema } from "./path.ts";
import { nameSchema } from "./workload.ts";

/** A checkpoint of another version is skipped. */
export const CHECKPOINT_VERSION = 1;

const digest = z.string().regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits");
const count = z.int().min(0);

/** A file that a checkpoint needs. */
const checkedFileSchema = z.strictObject({
  /** From the folder of the run. */
  path: placeSchema,
  bytes: count,
  sha256: digest,
});

/** How far a job has got. */
export const checkpointJobSchema = z.strictObject({
  name: nameSchema,
  /** Hash of all that its training follows from beside its adapter's state: data, order, dropout, optimizer, steps. */
  digest: z.string(),
  /** Steps that it has made, and is to make. */
  step: count,
  steps: z.int().positive(),
  /** Its adapter and moments, or its adapter when it has ended; null for one that has made no step. */
  file: checkedFileSchema.nullable(),
  /** The lowest loss of its evaluations so far; null before the first. */
  best: z.strictObject({ step: count, evaluationLoss: z.number(), isKept: z.boolean() }).nullable(),
});

/** The manifest of a checkpoint: what it holds, and what it was taken of. Its hash covers all else of it. */
export const checkpointSchema = z.strictObject({
  kind: z.literal("checkpoint"),
  version: z.literal(CHECKPOINT_VERSION),
  /** The plan that was carried out. */
  planHash: z.string(),
  modelDigest: z.string().nullable(),
  /** All jobs of the run, also those that ended before this plan. */
  jobs: z.array(checkpointJobSchema).min(1),
  hash: z.string(),
});

export type CheckpointJob = z.infer<typeof checkpointJobSchema>;
export type Checkpoint = z.infer<typeof checkpointSchema>;
