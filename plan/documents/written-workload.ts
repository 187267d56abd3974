import { z } from "zod";
import { sweepSchema } from "./sweep.ts";
import { arrivalsSchema, modelSchema, recomputeSchema, usersSchema, writtenJobSchema } from "./workload.ts";

/** A workload as written; for editors. */
export const writtenWorkloadSchema = z.strictObject({
  kind: z.literal("workload"),
  version: z.literal(1),
  model: modelSchema,
  recompute: recomputeSchema.default("auto"),
  arrivals: arrivalsSchema.optional(),
  users: usersSchema.optional(),
  defaults: writtenJobSchema.omit({ name: true }).optional(),
  jobs: z.array(writtenJobSchema.extend({ sweep: sweepSchema.optional() })).min(1),
});
