import { z } from "zod";

const positiveInt = z.int().positive();
const fraction = z.number().min(0).lt(1);

/** When a job is stopped before its last step; what is left out has its default, and `false` leaves a rule out. */
export const earlyStoppingSchema = z.strictObject({
  /** Iterations before which only a loss that is not finite stops the job. */
  warmupSteps: z.int().min(0).default(20),
  /** The share of the loss by which a betterment has to be larger to count. */
  minDelta: fraction.default(0.01),
  /** By which losses a plateau is told: `evaluation` says nothing of a job without evaluations. */
  losses: z.enum(["evaluation", "training"]).default("evaluation"),
  /** The training loss is far above its own best, and does not come back. */
  divergence: z
    .union([
      z.literal(false),
      z.strictObject({
        /** How far: this share of the best, and so many standard deviations of the noise. */
        ratio: z.number().positive().default(0.3),
        sigmas: z.number().positive().default(4),
      }),
    ])
    .prefault({}),
  /** The loss has not become better for long, and its trend says that it will not. */
  plateau: z
    .union([
      z.literal(false),
      z.strictObject({
        /** For how long, as a share of the job's steps. */
        share: fraction.positive().default(0.4),
        /** How much steeper and how much luckier than they seem the losses to come may be: 1 for the largest of all errors. */
        sigmas: z.number().min(0).default(2),
      }),
    ])
    .prefault({}),
  /** Evaluations in a row without a betterment, whatever the job's length. */
  patience: z.union([z.literal(false), positiveInt]).default(false),
});

export type EarlyStopping = z.infer<typeof earlyStoppingSchema>;

/** By what a job is stopped early, every key there; undefined for a job that is not. */
export function stoppingOptions(job: {
  readonly earlyStopping?: boolean | EarlyStopping | undefined;
}): EarlyStopping | undefined {
  const { earlyStopping } = job;
  if (earlyStopping === undefined || earlyStopping === false) return undefined;
  return earlyStopping === true ? earlyStoppingSchema.parse({}) : earlyStopping;
}
