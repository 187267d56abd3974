import { z } from "zod";
import { huggingFaceConfigSchema } from "./model-config.ts";
import { PRESETS } from "./presets.ts";
import { nameSchema } from "./workload.ts";
import { projectionSchema } from "./written-values.ts";

const positive = z.number().positive();
const count = z.int().positive();
const prioritySchema = z.int().min(-100).max(100);

/**
 * A level of service: so many of a hundred jobs are to have ended so long after they came. The policy `deadline` has that
 * as each job's deadline.
 */
const levelSchema = z.strictObject({
  percent: z.number().min(1).max(99.9).default(95),
  hours: positive.max(10_000),
});
export type ServiceLevel = z.infer<typeof levelSchema>;

/** Jobs of one kind, as they are expected to come. */
const jobKindSchema = z.strictObject({
  name: nameSchema,
  /** An architecture by its name, or as config.json has it. */
  model: z.union([
    z.enum(Object.keys(PRESETS) as [string, ...string[]]),
    z.strictObject({ config: huggingFaceConfigSchema }),
  ]),
  /** On an average day of the first week. */
  perDay: positive.max(1e5),
  /** Rows of a job, and how far jobs differ in that: the standard deviation of its logarithm. */
  samples: count.max(1e8),
  samplesSigma: z.number().min(0).max(2).default(0),
  epochs: positive.max(1000).default(1),
  batchSize: count.max(65_536),
  /** Tokens of a row, on average, at most, and how far rows differ: the standard deviation of the logarithm. */
  tokens: z.strictObject({
    mean: positive.max(2 ** 22),
    max: count.max(2 ** 22),
    sigma: z.number().min(0).max(2).default(0.6),
  }),
  rank: count.max(1024).default(16),
  targets: z.array(projectionSchema).min(1).default(["q_proj", "k_proj", "v_proj", "o_proj"]),
  priority: prioritySchema.default(0),
  user: nameSchema.optional(),
  /** Of this kind alone, in place of the forecast's. */
  level: levelSchema.optional(),
});
export type JobKind = z.infer<typeof jobKindSchema>;

/** Jobs over weeks that nobody has seen yet. */
const shapeSchema = z.strictObject({
  kind: z.literal("forecast"),
  version: z.literal(1),
  /** Over which jobs come; the first one is a Monday. */
  days: count.max(366).default(28),
  /** What is to be kept, of all jobs whose kind and priority have none of their own. */
  level: levelSchema,
  /** Of all jobs with a priority, but those of kinds with a level of their own. */
  priorities: z
    .array(z.strictObject({ priority: prioritySchema, level: levelSchema }))
    .max(64)
    .default([]),
  kinds: z.array(jobKindSchema).min(1).max(64),
  /** How many come in each hour of a day, and on each day of a week, relative to each other; evenly when absent. */
  hourly: z.array(z.number().min(0)).length(24).optional(),
  weekly: z.array(z.number().min(0)).length(7).optional(),
  /** So many times as many jobs come 30 days later. */
  growthPerMonth: positive.max(10).default(1),
  /** From when a job is placed to its first step: a process that starts, a model that is loaded. */
  startSeconds: z.number().min(0).max(86_400).default(60),
});

export const forecastSchema = shapeSchema.superRefine(({ kinds, priorities }, context) => {
  for (const [index, { priority }] of priorities.entries()) {
    const isNew = priorities.findIndex((other) => other.priority === priority) === index;
    if (isNew && kinds.some((kind) => kind.priority === priority)) continue;
    const message = isNew ? "a priority that some kind has" : "each priority once";
    context.addIssue({ code: "custom", path: ["priorities", index, "priority"], message });
  }
});
export type Forecast = z.infer<typeof forecastSchema>;
