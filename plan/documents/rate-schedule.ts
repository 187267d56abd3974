import { z } from "zod";

const positiveInt = z.int().positive();

/** How the learning rate goes over a job's steps; names are those of the Hugging Face Trainer, where it has them. */
export const RATE_SCHEDULES = [
  "constant",
  "linear",
  "cosine",
  "cosine_with_restarts",
  "cosine_warmup_with_min_lr",
  "polynomial",
  "inverse_sqrt",
  "warmup_stable_decay",
] as const;
type RateScheduleName = (typeof RATE_SCHEDULES)[number];

/** Forms of a rise or a fall between 0 and 1. */
const formSchema = z.enum(["linear", "cosine", "1-sqrt"]);
export type RateForm = z.infer<typeof formSchema>;

/** Schedules that have a key; those that are not named here belong to all. */
const OWNERS = {
  minLearningRate: RATE_SCHEDULES.filter((name) => name !== "constant" && name !== "inverse_sqrt"),
  cycles: ["cosine", "cosine_with_restarts", "cosine_warmup_with_min_lr", "warmup_stable_decay"],
  power: ["polynomial"],
  timescale: ["inverse_sqrt"],
  decaySteps: ["warmup_stable_decay"],
  stableSteps: ["warmup_stable_decay"],
  warmupType: ["warmup_stable_decay"],
  decayType: ["warmup_stable_decay"],
} as const satisfies Readonly<Record<string, readonly RateScheduleName[]>>;

/** What those of the Trainer's schedules are that have another name here, or none. */
export const OTHER_SCHEDULES: Readonly<Record<string, string>> = {
  constant_with_warmup: "It is `name: constant` with `warmupSteps`.",
  cosine_with_min_lr: "It is `name: cosine` with `minRatio` or `minLearningRate`.",
  reduce_lr_on_plateau: "Rates depend on steps alone.",
};

export const rateScheduleSchema = z
  .strictObject({
    name: z.enum(RATE_SCHEDULES),
    warmupSteps: z.int().min(0).default(0),
    /** The warm-up starts at 0 and reaches the whole rate behind its last step, as the Trainer's does. */
    warmupFromZero: z.boolean().optional(),
    /** The least rate as a share of the learning rate; the learning rate itself is `minLearningRate`. */
    minRatio: z.number().min(0).max(1).default(0),
    minLearningRate: z.number().min(0).optional(),
    /** Waves of a cosine (0.5 by default), or its restarts (1). */
    cycles: z.number().positive().optional(),
    power: z.number().positive().optional(),
    /** Steps; `warmupSteps` by default, and 10000 without those. */
    timescale: positiveInt.optional(),
    /** Of the fall at the end. */
    decaySteps: positiveInt.optional(),
    /** Between warm-up and fall; all that are left by default. */
    stableSteps: z.int().min(0).optional(),
    warmupType: formSchema.optional(),
    decayType: formSchema.optional(),
  })
  .superRefine((schedule, context) => {
    const add = (key: string, message: string, hint: string): void =>
      context.addIssue({ code: "custom", path: [key], message, params: { hint } });
    const { name, minRatio, minLearningRate, decaySteps } = schedule;
    for (const [key, names] of Object.entries(OWNERS) as [keyof typeof OWNERS, readonly RateScheduleName[]][])
      if (schedule[key] !== undefined && !names.includes(name))
        add(key, `nothing for the schedule ${name}`, `It belongs to ${names.join(", ")}.`);
    if (minLearningRate !== undefined && minRatio > 0)
      add("minLearningRate", "either minRatio or minLearningRate", "Remove one of them.");
    if (name === "warmup_stable_decay" && decaySteps === undefined)
      add("decaySteps", "the steps in which the rate falls", "They are the last ones of the job.");
  });

export type RateSchedule = z.infer<typeof rateScheduleSchema>;
