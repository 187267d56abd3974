import { z } from "zod";
import { placeSchema } from "./path.ts";
import { type Segment, segmentSchema, type Work } from "./segment.ts";
import { type Setting, settingSchema } from "./setting.ts";

/** A document of another version is made anew, not converted. */
export const PLAN_VERSION = 3;

export const predictedSchema = z.strictObject({
  makespanSeconds: z.number().min(0),
  tokensPerSecond: z.number().min(0),
  bubbleRatio: z.number().nullable(),
  bubbleRatioTotal: z.number(),
  peakMemoryBytes: z.array(z.int().min(0)),
});

/** Where the plan's inputs lay when it was made; not part of the hash, absolute paths. */
export const locationsSchema = z.strictObject({
  model: placeSchema.nullable(),
  /** By job name; of a job with several data sets, of each. */
  data: z.record(z.string(), z.union([placeSchema, z.array(placeSchema)])),
  init: z.record(z.string(), placeSchema),
  /** Data that evaluations have of their own; absent for none. */
  evaluation: z.record(z.string(), placeSchema).optional(),
});

/** A plan as it is written: a setting, and the segments of work in it. Each segment names the hash of the one before. */
export const planDocumentSchema = z.strictObject({
  kind: z.literal("plan"),
  version: z.literal(PLAN_VERSION),
  setting: settingSchema,
  segments: z.array(segmentSchema).min(1),
  predicted: predictedSchema.nullable(),
  /** Covers the setting, all segments and the prediction. */
  hash: z.string(),
  locations: locationsSchema,
});

export type Predicted = z.infer<typeof predictedSchema>;
export type Locations = z.infer<typeof locationsSchema>;
export type PlanDocument = z.infer<typeof planDocumentSchema>;

/** A plan as it is used: the setting, and the work of all segments joined. */
export interface PlanBody extends Setting, Work {
  predicted: Predicted | null;
}

export interface Plan extends PlanBody {
  /** The pieces that the work came in. */
  readonly segments: readonly Segment[];
  readonly hash: string;
  readonly locations: Locations;
}
