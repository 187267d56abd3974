import { z } from "zod";
import { maximum, median } from "../core/index.ts";

const parametersSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

/** One value of a case. */
export const measurementSchema = z.strictObject({
  /** What was measured. */
  name: z.string().min(1),
  /** Of what; measurements with equal parameters stand in one row of the table. */
  parameters: parametersSchema,
  value: z.number(),
  /** `s`, `B`, `GFLOP/s`, `GB/s`, `tokens/s`, `events/s`; `share` of 1, `ratio`. */
  unit: z.string().min(1),
  /** What bounds the value from outside, and how much of it was reached. */
  limit: z.strictObject({ of: z.string().min(1), share: z.number() }).optional(),
  repetitions: z.int().positive(),
  /** (largest - smallest) / median of the repetitions; null for a single one. */
  spread: z.number().min(0).nullable(),
});

export type Measurement = z.infer<typeof measurementSchema>;
export type Parameters = Measurement["parameters"];

/** Median and spread of repeated values; how a measurement's three numbers come about. */
export function summarize(values: readonly number[]): Pick<Measurement, "value" | "repetitions" | "spread"> {
  const value = median(values);
  const range = maximum(values) + maximum(values.map((each) => -each));
  return {
    value,
    repetitions: values.length,
    spread: values.length < 2 || value === 0 ? null : Math.abs(range / value),
  };
}
