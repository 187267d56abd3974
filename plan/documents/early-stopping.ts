import { z } from "zod";

const positiveInt = z.int().positive();
const fraction = z.number().min(0).lt(1);

/** When a job is stopped before its last step; what is left out has its default, and `false` leaves a rule out. */
export const earlyStoppingSchema = z.strictObject({
  /** Iterations before which only a loss that is not finite stops the job. */
  warmupSteps: z.int().min(0).default(20),
  /** The share of the loss by which a betterment has to be larger to count. */
  minDelta: fraction.default(0.01),
  /** The loss is far above its own best. */
  divergence: z
    .union([
      z.literal(false),
      z.strictObject({
        /** Training losses whose median is taken. */
        window: positiveInt.max(1000).default(8),
        /** How far above the best such median: this share of it, and so many standard deviations of the noise. */
        ratio: z.number().positive().default(0.3),
        sigmas: z.number().positive().default(4),
      }),
    ])
    .prefault({}),
  /** The training loss has stopped falling, as far as its noise lets that be seen. */
  plateau: z
    .union([
      z.literal(false),
      z.strictObject({
        /** Training losses whose first half is compared with the second. */
        window: positiveInt.min(4).max(1000).default(40),
        /** Standard errors that are added to the betterment before it is called too small. */
        sigmas: z.number().min(0).default(1),
      }),
    ])
    .prefault({}),
  /** Evaluations in a row without a betterment. */
  patience: z.union([z.literal(false), positiveInt]).default(10),
  /** A curve that is fitted to the losses says that what is left of the job would not better it. */
  extrapolate: z
    .union([
      z.literal(false),
      z.strictObject({
        /** The probability of a betterment below which the job is stopped. */
        probability: fraction.positive().default(0.1),
        /** Losses in a row for which it has to be below. */
        confirmations: positiveInt.default(4),
      }),
    ])
    .prefault({}),
});

export type EarlyStopping = z.infer<typeof earlyStoppingSchema>;
