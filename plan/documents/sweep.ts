import { z } from "zod";
import { betaSchema, gammaSchema } from "./loss.ts";
import { adapterSchema, jobFieldsSchema, optimizerSchema } from "./workload.ts";

/** The most jobs that a sweep stands for. */
export const MOST_POINTS = 1000;

/** Values of a key, each once. */
function listOf<T extends z.ZodType>(value: T) {
  return z
    .array(value)
    .min(1)
    .refine((values) => new Set(values).size === values.length, "values without repetition");
}

/** Points that a model proposes have seen others end: so many train from the start, drawn at random. */
const STARTUP = 8;

const rangeSchema = z
  .strictObject({ min: z.number(), max: z.number(), scale: z.enum(["linear", "log"]).default("linear") })
  .refine(({ min, max }) => min < max, { path: ["min"], message: "less than max" })
  .refine(({ min, scale }) => scale === "linear" || min > 0, { path: ["min"], message: "more than 0 for scale log" });

/** The keys of a job that a sweep may vary, in the form that `ways` gives the values of a key. */
function variedSchema<Way extends (value: z.ZodType<number>) => z.ZodType>(ways: Way) {
  const of = (value: z.ZodType): ReturnType<Way> => ways(value as z.ZodType<number>) as ReturnType<Way>;
  const { rank, alpha, dropout } = adapterSchema.shape;
  const { learningRate, weightDecay, maxGradNorm } = optimizerSchema.shape;
  const { batchSize, cutoffLength, seed } = jobFieldsSchema.shape;
  return z
    .strictObject({
      adapter: z
        .strictObject({ rank: of(rank), alpha: of(alpha), dropout: of(dropout) })
        .partial()
        .optional(),
      optimizer: z
        .strictObject({
          learningRate: of(learningRate),
          weightDecay: of(weightDecay),
          maxGradNorm: of(maxGradNorm.unwrap()),
        })
        .partial()
        .optional(),
      loss: z
        .strictObject({ beta: of(betaSchema), gamma: of(gammaSchema) })
        .partial()
        .optional(),
      batchSize: of(batchSize).optional(),
      cutoffLength: of(cutoffLength).optional(),
      seed: of(seed).optional(),
    })
    .refine(
      (varied) => Object.values(varied).some((value) => Array.isArray(value) || Object.keys(value ?? {}).length > 0),
      "at least one key of a job to vary",
    );
}

/** When the points of a sweep are compared, and how many go on. */
export const halvingSchema = z.strictObject({
  /** Rows that a job has seen at the first rung; the next one is after `eta` times as many. */
  firstRows: z.int().positive(),
  /** The best of every so many go on. */
  eta: z.int().min(2).default(3),
  /** So many go on at every rung, if there are so many. */
  keep: z.int().positive().default(1),
  /** Iterations up to a rung whose mean loss counts. */
  over: z.int().positive().default(10),
  /** Whether a rung waits for all that come to it. */
  synchronous: z.boolean().default(false),
});

export const sweepSchema = z
  .strictObject({
    /** Every combination of the values. */
    grid: variedSchema(listOf).optional(),
    /** So many points, each of a value drawn from every list or range. */
    random: z
      .strictObject({
        count: z.int().positive().max(MOST_POINTS),
        seed: z.int().min(0).default(0),
        over: variedSchema((value) => z.union([listOf(value), rangeSchema])),
      })
      .optional(),
    /** So many points, the first of them drawn, each later one where the losses so far say that it may be good. */
    model: z
      .strictObject({
        count: z.int().positive().max(MOST_POINTS),
        /** Points that are drawn; as many train at a time. */
        startup: z.int().min(2).default(STARTUP),
        seed: z.int().min(0).default(0),
        over: variedSchema((value) => z.union([listOf(value), rangeSchema])),
      })
      .optional(),
    halving: halvingSchema.optional(),
  })
  .refine(({ grid, random, model }) => [grid, random, model].filter((each) => each !== undefined).length === 1, {
    path: ["grid"],
    message: "one of grid, random and model",
  })
  .refine(({ model, halving }) => model === undefined || halving?.synchronous !== true, {
    path: ["halving", "synchronous"],
    message: "false beside model, whose points come one after another",
  })
  .refine(({ model, halving }) => halving === undefined || model?.over.batchSize === undefined, {
    path: ["model", "over", "batchSize"],
    message: "one batchSize beside halving, whose rungs are known before the points",
  });

export type SweepSpec = z.infer<typeof sweepSchema>;
export type ModelSearchSpec = NonNullable<SweepSpec["model"]>;
export type HalvingSpec = z.infer<typeof halvingSchema>;
