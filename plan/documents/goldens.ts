import { z } from "zod";
import { nameSchema } from "./workload.ts";

const relativePath = z.string().min(1).max(200);

/** A workload that a change of planner, scheduler or simulator is judged by. */
const goldenSchema = z
  .strictObject({
    name: nameSchema,
    /** What would be lost if it got worse, in words. */
    guards: z.string().min(1).max(200),
    /** Documents, from this file's folder. */
    workload: relativePath,
    cluster: relativePath.optional(),
    /** In place of a cluster: abstract devices, `unit*4`. */
    devices: z.string().min(1).optional(),
    calibration: relativePath.optional(),
    /** Options of `simulate`, by their names. With `policy` jobs come over time. */
    options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
    /** The largest share by which a figure may get worse. */
    tolerance: z.number().min(0).max(1).default(0.001),
    /** It means the same with its jobs in reverse. */
    anyOrder: z.boolean().default(false),
  })
  .refine(({ cluster, devices }) => (cluster === undefined) !== (devices === undefined), {
    path: ["devices"],
    message: "either a cluster or devices",
  });
export type Golden = z.infer<typeof goldenSchema>;

/** Workloads with which `regress` judges a change. */
export const goldensSchema = z
  .strictObject({ kind: z.literal("goldens"), version: z.literal(1), goldens: z.array(goldenSchema).min(1).max(1000) })
  .superRefine(({ goldens }, context) => {
    for (const [index, { name }] of goldens.entries())
      if (goldens.findIndex((other) => other.name === name) !== index)
        context.addIssue({ code: "custom", path: ["goldens", index, "name"], message: "each name once" });
  });

const figures = z.record(z.string(), z.number());

/** What goldens came to once: numbers and digests, no timelines. */
export const baselineSchema = z.strictObject({
  kind: z.literal("regress-baseline"),
  version: z.literal(1),
  /** Of loratwin. */
  release: z.string(),
  goldens: z.record(
    z.string(),
    z.strictObject({
      /** Exit code, 0 where it was planned and simulated. */
      code: z.int().min(0),
      figures,
      /** Of the plan's choices, of the decisions of a scheduler, and of all times. */
      digests: z.strictObject({ plan: z.string(), decisions: z.string(), times: z.string() }),
      /** What the plan chose, by what it is called. */
      choices: z.record(z.string(), z.string()),
      broken: z.array(z.string()),
    }),
  ),
});
export type RegressBaseline = z.infer<typeof baselineSchema>;
export type StoredGolden = RegressBaseline["goldens"][string];
