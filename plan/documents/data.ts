import { z } from "zod";
import { pathSchema } from "./path.ts";

const positiveInt = z.int().positive();
/** A model has no more positions. */
export const tokenCount = positiveInt.max(2 ** 24);

/**
 * Rows that a job may take in all its steps, each of which is a line of a plan. More are trained in several jobs, each
 * from the adapter of the one before.
 */
export const MOST_ROWS = 2 ** 24;

function inOrder({ min, max }: { readonly min: number; readonly max: number }): boolean {
  return min <= max;
}
const OUT_OF_ORDER = { path: ["min"], message: "at most max" };

const lengthsSchema = z.union([
  tokenCount,
  z
    .array(tokenCount)
    .min(1)
    .max(2 ** 20),
  z
    .strictObject({
      distribution: z.literal("lognormal"),
      mean: z.number().positive(),
      sigma: z.number().min(0),
      max: tokenCount,
      min: tokenCount.default(1),
    })
    .refine(inOrder, OUT_OF_ORDER),
  z
    .strictObject({ distribution: z.literal("uniform"), min: tokenCount, max: tokenCount })
    .refine(inOrder, OUT_OF_ORDER),
]);

/** Only lengths: for simulation. A list is repeated; `samples` is the size of one epoch. */
export const lengthDataSchema = z.strictObject({
  lengths: lengthsSchema,
  samples: positiveInt.max(MOST_ROWS).default(1000),
});

const columnSchema = z.string().min(1).optional();
const roleSchema = z.array(z.string().min(1)).min(1).optional();

/** What a file calls columns, and keys of messages. */
const columnsSchema = z.strictObject({
  messages: columnSchema,
  prompt: columnSchema,
  completion: columnSchema,
  instruction: columnSchema,
  input: columnSchema,
  output: columnSchema,
  history: columnSchema,
  system: columnSchema,
  tools: columnSchema,
  text: columnSchema,
  chosen: columnSchema,
  rejected: columnSchema,
  label: columnSchema,
  segments: columnSchema,
  input_ids: columnSchema,
  labels: columnSchema,
  role: columnSchema,
  content: columnSchema,
  reasoning_content: columnSchema,
  train: columnSchema,
});

const rolesSchema = z.strictObject({ system: roleSchema, user: roleSchema, assistant: roleSchema, tool: roleSchema });

/** Names that `fields` and `roles` may give otherwise. */
export const COLUMN_NAMES = Object.keys(columnsSchema.shape);
export const ROLE_NAMES = Object.keys(rolesSchema.shape);

/** Characters of a template: more than any would have that a person wrote. */
const MOST_TEMPLATE = 100_000;

export const fileDataSchema = z.strictObject({
  /** JSONL, JSON, CSV or Parquet; relative to the workload's file, or hf:datasets/owner/name/path. */
  path: pathSchema,
  format: z.enum(["instruction", "chat", "text", "tokens", "segments", "preference", "unpaired"]).optional(),
  /** Templates over the row's fields, as {{field}}. The prompt is not scored. */
  prompt: z.string().max(MOST_TEMPLATE).optional(),
  response: z.string().min(1).max(MOST_TEMPLATE).optional(),
  /** The column of plain text, or of messages. */
  field: z.string().min(1).optional(),
  /** What the file calls columns and keys of messages: {messages: dialog, role: speaker}. */
  fields: columnsSchema.optional(),
  /** What the file calls roles: {user: [customer], assistant: [agent]}. */
  roles: rolesSchema.optional(),
  /** Of a conversation, which of the assistant's turns are scored; marked: by the template's generation marks. */
  turns: z.enum(["all", "last", "marked"]).optional(),
  /** Whether what is not an answer is scored too. */
  trainOnInputs: z.boolean().optional(),
  /** Rows are read as this library reads them by default. */
  like: z.enum(["trl", "axolotl", "llamafactory"]).optional(),
  /** In place of the model's chat template: a name such as chatml, or a file. */
  chatTemplate: z.string().min(1).max(MOST_TEMPLATE).optional(),
  /** Of plain text: tokens of a row (cutoffLength), and how many of them are those that the row before ends with. */
  window: tokenCount.min(2).optional(),
  overlap: z.int().min(0).optional(),
  /** Texts follow each other in one row, with an end token between them. */
  packing: z.enum(["wrapped"]).optional(),
  shuffle: z.boolean().optional(),
  limit: positiveInt.optional(),
  /** In a folder: files whose names start with it. In a JSON object: the list under this key. */
  split: z.string().min(1).optional(),
  /** Whether a row that cannot be read ends it all, which is the default, or is left out, told and counted. */
  onBadRow: z.enum(["refuse", "skip"]).optional(),
});

/** Data of one set. */
export const ownDataSchema = z.union([fileDataSchema, lengthDataSchema]);

/** One of several data sets: with keys of its own, but for the order of rows, which is that of all. */
const dataSetSchema = fileDataSchema.omit({ shuffle: true }).extend({
  /** Concatenated: how often it is taken in an epoch (1). Interleaved: how often it is drawn, as a part of all weights. */
  weight: z.number().positive().max(1e6).optional(),
});

/** Several data sets that a job trains on together. */
export const mixtureDataSchema = z.strictObject({
  datasets: z.array(dataSetSchema).min(1).max(64),
  /** An epoch has each set as often as it weighs, or rows of sets that are drawn by their weights. */
  mix: z.enum(["concatenate", "interleave"]).default("concatenate"),
  /** Where sets are drawn, an epoch ends once the first of them (the default), or each, has been used up. */
  stopping: z.enum(["first_exhausted", "all_exhausted"]).optional(),
  shuffle: z.boolean().optional(),
});

export const dataSchema = z.union([fileDataSchema, lengthDataSchema, mixtureDataSchema]);

export type JobData = z.infer<typeof dataSchema>;
export type FileData = z.infer<typeof fileDataSchema>;
export type DataSet = z.infer<typeof dataSetSchema> & Pick<FileData, "shuffle">;
export type MixtureData = z.infer<typeof mixtureDataSchema>;
export type LengthData = z.infer<typeof lengthDataSchema>;
