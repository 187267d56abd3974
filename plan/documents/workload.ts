import { z } from "zod";
import {
  dataSchema,
  fileDataSchema,
  lengthDataSchema,
  MOST_ROWS,
  mixtureDataSchema,
  ownDataSchema,
  tokenCount,
} from "./data.ts";
import { writtenDtypeSchema } from "./dtype.ts";
import { earlyStoppingSchema } from "./early-stopping.ts";
import { hasDivergence, lossSchema, writtenLossSchema } from "./loss.ts";
import { huggingFaceConfigSchema } from "./model-config.ts";
import { maxCostSchema } from "./money.ts";
import { pathSchema } from "./path.ts";
import { rateScheduleSchema } from "./rate-schedule.ts";
import { targetsSchema, tokensSchema, writtenTargetsSchema } from "./written-values.ts";

const positiveInt = z.int().positive();
/** Rows of a step: a planner looks at some steps in dozens of ways at once. */
const MOST_BATCH_ROWS = 2 ** 14;
/** Steps of a job. */
export const MOST_STEPS = 2 ** 20;
const fraction = z.number().min(0).lt(1);

const userName = z.string().max(256);

/** Names that are safe as a folder and a trace label: no slash, no leading dot. */
export const nameSchema = z
  .string()
  .max(128)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9._-]*$/,
    "a name of letters, digits, dot, dash and underscore that starts with a letter, digit or underscore",
  );

/** What a forward leaves out and the backward computes again: nothing, or each layer from its input. */
export const recomputeSchema = z.enum(["none", "layer", "auto"]);
export type Recompute = z.infer<typeof recomputeSchema>;

export const adapterSchema = z.strictObject({
  rank: positiveInt.max(1024),
  alpha: z.number().positive(),
  dropout: fraction,
  targets: targetsSchema,
  /** The scale of the update is alpha / sqrt(rank), not alpha / rank (rank-stabilized LoRA, arXiv 2312.03732). */
  rslora: z.boolean().optional(),
  /** Each output of base and adapter together has a magnitude that is trained too (DoRA, arXiv 2402.09353). */
  dora: z.boolean().optional(),
  /** Ranks and alphas of some targets: PEFT's `rank_pattern` and `alpha_pattern`, by the end of a module's name. */
  rankPattern: z.record(z.string(), positiveInt.max(1024)).optional(),
  alphaPattern: z.record(z.string(), z.number().positive()).optional(),
  /**
   * Tokens whose rows of the embedding are trained too, and of a head that is tied to it: PEFT's
   * `trainable_token_indices`. Ascending.
   */
  trainableTokens: tokensSchema.optional(),
  /** A PEFT folder to start from; relative to the file that names it. */
  init: pathSchema.optional(),
});

/** The same as a person writes it. */
const writtenAdapterSchema = adapterSchema.extend({ targets: writtenTargetsSchema });

export const optimizerSchema = z.strictObject({
  name: z.literal("adamw"),
  learningRate: z.number().positive(),
  betas: z.tuple([fraction, fraction]),
  eps: z.number().positive(),
  weightDecay: z.number().min(0),
  maxGradNorm: z.number().positive().optional(),
  /** The learning rate of B as a multiple of that of A (LoRA+, arXiv 2402.12354). */
  loraPlusRatio: z.number().positive().optional(),
  schedule: rateScheduleSchema.optional(),
});

const evaluationFieldsSchema = z.strictObject({
  /** Of the job's own rows: as many are held out, and not trained on. The same ones whatever the job's seed is. */
  share: z.number().positive().lt(1).optional(),
  /** Data of its own, in place of a share. */
  data: ownDataSchema.optional(),
  /** After so many steps of the job each time, and after its last. */
  everySteps: positiveInt,
  /** The most rows that are evaluated. */
  maxRows: positiveInt.optional(),
  /** Whether the adapter with the lowest loss is kept beside the last one. */
  keepBest: z.boolean().default(true),
  /** Whether the base alone is evaluated too, once: of a job whose loss compares no answers. */
  base: z.boolean().optional(),
});

export const evaluationSchema = evaluationFieldsSchema.refine(
  ({ share, data }) => (share === undefined) !== (data === undefined),
  { path: ["share"], message: "either share or data" },
);
export type Evaluation = z.infer<typeof evaluationSchema>;

/** Prompts of a job, and tokens of an answer, at most. */
const MOST_PROMPTS = 16;
const MOST_ANSWER_TOKENS = 1024;

export const sampleSchema = z.strictObject({
  /** What is asked, each in the form of the job's rows; of data of which only lengths are known, the tokens of each. */
  prompts: z
    .array(z.union([z.string().min(1), tokenCount]))
    .min(1)
    .max(MOST_PROMPTS)
    .refine((prompts) => new Set(prompts.map((each) => typeof each)).size === 1, "texts alone, or numbers alone")
    .refine(
      (prompts) => typeof prompts[0] === "number" || new Set(prompts).size === prompts.length,
      "prompts that differ",
    ),
  /** After so many steps of the job each time, and after its last. */
  everySteps: positiveInt,
  /** The most tokens of an answer. */
  maxTokens: positiveInt.max(MOST_ANSWER_TOKENS).default(64),
});
export type Sample = z.infer<typeof sampleSchema>;

/** The least rate is none above the highest. */
function checkRates(optimizer: unknown, context: z.RefinementCtx): void {
  const { learningRate, schedule } = (optimizer ?? {}) as { learningRate?: unknown; schedule?: unknown };
  const { minLearningRate } = (schedule ?? {}) as { minLearningRate?: unknown };
  if (Number(minLearningRate ?? 0) > Number(learningRate ?? 0))
    context.addIssue({
      code: "custom",
      path: ["optimizer", "schedule", "minLearningRate"],
      message: `at most the learning rate (${String(learningRate)})`,
    });
}

/** What the numbers of a job have to be together; those that are no numbers are told by themselves. */
function checkTogether(
  job: {
    readonly [Key in
      | "batchSize"
      | "microBatchSize"
      | "microBatchTokens"
      | "steps"
      | "epochs"
      | "optimizer"
      | "loss"
      | "evaluation"
      | "data"]?: unknown;
  },
  context: z.RefinementCtx,
): void {
  checkRates(job.optimizer, context);
  if (job.loss !== undefined && (job.evaluation as { readonly base?: unknown } | undefined)?.base === true)
    context.addIssue({
      code: "custom",
      path: ["evaluation", "base"],
      message: "no evaluation of the base of a job whose loss compares answers",
    });
  const add = (key: string, message: string, hint?: string): void =>
    context.addIssue({ code: "custom", path: [key], message, ...(hint === undefined ? {} : { params: { hint } }) });
  const { mix = "concatenate", stopping } = (job.data ?? {}) as { readonly mix?: unknown; readonly stopping?: unknown };
  if (stopping !== undefined && mix === "concatenate")
    context.addIssue({ code: "custom", path: ["data", "stopping"], message: "mix: interleave beside stopping" });
  const { batchSize, microBatchSize = 1, microBatchTokens, steps = 0 } = job;
  const [rows, part, times] = [batchSize, microBatchSize, steps].map((each) =>
    Number.isInteger(each) ? Number(each) : 0,
  );
  if (microBatchTokens === undefined && rows! % (part || 1) !== 0)
    add(
      "microBatchSize",
      `a divisor of batchSize (${rows})`,
      "Without it the planner cuts mini-batches as it finds best.",
    );
  const loss = lossSchema.safeParse(job.loss);
  if (loss.success && hasDivergence(loss.data) && rows === 1)
    add("batchSize", "at least 2 rows for kto, which compares a row with others", "apo_zero_unpaired needs no others.");
  if (times! * rows! > MOST_ROWS) add("steps", `at most ${MOST_ROWS} rows in all steps (batchSize is ${rows})`);
  if (job.steps === undefined && job.epochs === undefined)
    add("steps", "either steps or epochs", "`steps: 100` or `epochs: 3`, in the job or in `defaults`.");
  if (job.steps !== undefined && job.epochs !== undefined)
    add("epochs", "either steps or epochs", "Remove one of them.");
}

export const jobFieldsSchema = z.strictObject({
  name: nameSchema,
  adapter: writtenAdapterSchema,
  data: dataSchema,
  cutoffLength: z
    .int()
    .min(2)
    .max(2 ** 24),
  batchSize: positiveInt.max(MOST_BATCH_ROWS),
  /**
   * Sequences of a micro-batch. Neither this nor `microBatchTokens`: the planner cuts mini-batches as it finds best.
   */
  microBatchSize: positiveInt.optional(),
  /** The most tokens of the job in a micro-batch; a longer sequence is one of its own. */
  microBatchTokens: positiveInt.optional(),
  steps: positiveInt.optional(),
  epochs: positiveInt.optional(),
  optimizer: optimizerSchema,
  /** What compares answers; the cross-entropy of tokens where absent. A row is then a pair, or an answer with a label. */
  loss: lossSchema.optional(),
  /** Loss on held-out rows while it trains, without gradients. */
  evaluation: evaluationSchema.optional(),
  /** Prompts that base and adapter answer while it trains. */
  sample: sampleSchema.optional(),
  seed: z.int().min(0),
  priority: z.int(),
  arrivalSeconds: z.number().min(0),
  /** Who is charged for it, where a job scheduler shares by user. */
  user: userName.optional(),
  /** From its arrival, by when it is to have ended. */
  deadlineSeconds: z.number().positive().optional(),
  /** Whether, and by which rules, it may end before its last step; `true` for all of them as they are by default. */
  earlyStopping: z.union([z.boolean(), earlyStoppingSchema]).optional(),
  /** What it may take of devices: where jobs come over time it ends once that is spent. */
  maxCost: maxCostSchema.optional(),
});

export const jobSchema = jobFieldsSchema.superRefine(checkTogether, {
  // Also beside other faults, so that all are told at once.
  when: ({ value }) => typeof value === "object" && value !== null,
});

/** What a key is when neither the job nor `defaults` says it. */
export const JOB_DEFAULTS = {
  adapter: { rank: 8, alpha: 16, dropout: 0, targets: ["q_proj", "v_proj"] },
  cutoffLength: 512,
  optimizer: { name: "adamw", learningRate: 3e-4, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 },
  seed: 0,
  priority: 0,
  arrivalSeconds: 0,
} as const;

/** The defaults as a job has them; a copy. */
export function jobDefaults(): Pick<
  Job,
  "adapter" | "cutoffLength" | "optimizer" | "seed" | "priority" | "arrivalSeconds"
> {
  const { adapter, optimizer, ...rest } = JOB_DEFAULTS;
  return {
    ...rest,
    adapter: { ...adapter, targets: [...adapter.targets] },
    optimizer: { ...optimizer, betas: [...optimizer.betas] },
  };
}

/** Jobs that come as those of a published cluster trace did; the workload's own jobs are the kinds that they are of. */
export const arrivalsSchema = z
  .strictObject({
    /** A table of the trace; relative to the workload's file. */
    trace: pathSchema,
    format: z.enum(["philly", "pai", "helios", "acme"]),
    /** Only the first so many jobs. */
    limit: positiveInt.optional(),
    /** GPU seconds that a job takes here for each that it took there. */
    scale: z.number().positive().optional(),
    /** In its place: what the jobs take together of the fleet's time while they come, each alone on a pipeline. */
    load: z.number().positive().optional(),
  })
  .refine(({ scale, load }) => scale === undefined || load === undefined, {
    path: ["load"],
    message: "either scale or load",
  });

/** What is allowed to users over all of their jobs. */
export const usersSchema = z.record(userName.min(1), z.strictObject({ maxCost: maxCostSchema }));
export type Users = z.infer<typeof usersSchema>;

const architectureInputSchema = z.union([z.string().min(1), huggingFaceConfigSchema]);

export const modelSchema = z.union([
  z.strictObject({ path: pathSchema, dtype: writtenDtypeSchema.default("float32") }),
  z.strictObject({ architecture: architectureInputSchema, dtype: writtenDtypeSchema.default("float32") }),
]);

/** A job as written: what it leaves out comes from `defaults`, and what those leave out from `JOB_DEFAULTS`. */
export const writtenJobSchema = jobFieldsSchema
  .extend({
    adapter: writtenAdapterSchema.partial(),
    optimizer: optimizerSchema.partial(),
    evaluation: evaluationFieldsSchema.partial(),
    sample: sampleSchema.partial(),
    loss: writtenLossSchema,
    data: z.union([fileDataSchema.partial(), lengthDataSchema.partial(), mixtureDataSchema.partial()]),
  })
  .partial()
  .required({ name: true });

/** A workload with `defaults` merged into its jobs, and a job for each point of a sweep, by `parseWorkload`. */
export const workloadSchema = z.strictObject({
  kind: z.literal("workload"),
  version: z.literal(1),
  model: modelSchema,
  recompute: recomputeSchema.default("auto"),
  arrivals: arrivalsSchema.optional(),
  /** By the name that jobs give as `user`. */
  users: usersSchema.optional(),
  jobs: z.array(jobSchema).min(1),
});

export type AdapterSpec = z.infer<typeof adapterSchema>;
export type OptimizerSpec = z.infer<typeof optimizerSchema>;
export type Job = z.infer<typeof jobSchema>;
export type ModelSpec = z.infer<typeof modelSchema>;
export type Arrivals = z.infer<typeof arrivalsSchema>;
export type Workload = z.infer<typeof workloadSchema>;
