import { z } from "zod";
import { InputError } from "../../core/index.ts";

export const betaSchema = z.number().positive();
const smoothing = z.number().min(0).lt(0.5);
const weight = z.number().min(0);
/** What answers are compared with: the base, or the adapter as it starts. The base where absent. */
const referenceSchema = z.enum(["base", "init"]).optional();
/** A margin, in the unit of beta times a log-probability. */
export const gammaSchema = z.number().min(0);

/** Direct preference optimization: a pair of answers against those of a reference. */
const dpoFieldsSchema = z.strictObject({
  kind: z.literal("dpo"),
  beta: betaSchema.default(0.1),
  type: z.enum(["sigmoid", "ipo", "hinge", "robust", "sigmoid_norm", "apo_zero"]).default("sigmoid"),
  /** The share of pairs whose labels are the wrong way round; of `sigmoid` (cDPO) and `robust`. */
  labelSmoothing: smoothing.optional(),
  /** What the mean loss of the chosen answers' tokens is added with. */
  sftWeight: weight.optional(),
  reference: referenceSchema,
  /** Which end of a pair that is longer than `cutoffLength` is cut: of the answers, or of the prompt. */
  cut: z.enum(["end", "start"]).default("end"),
});

function checkSmoothing(
  { type, labelSmoothing }: { readonly type?: unknown; readonly labelSmoothing?: unknown },
  context: z.RefinementCtx,
): void {
  if (labelSmoothing !== undefined && type !== "sigmoid" && type !== "robust")
    context.addIssue({
      code: "custom",
      path: ["labelSmoothing"],
      message: "no labelSmoothing, which only sigmoid and robust have",
    });
}

/** Contrastive preference optimization: a pair without a reference, and the loss of the chosen answers' tokens. */
const cpoSchema = z.strictObject({
  kind: z.literal("cpo"),
  beta: betaSchema.default(0.1),
  labelSmoothing: smoothing.optional(),
  nllWeight: weight.default(1),
});

/** A pair by log-probabilities a token, apart by a margin that beta does not multiply. */
const simpoSchema = z.strictObject({
  kind: z.literal("simpo"),
  beta: betaSchema.default(2),
  gamma: gammaSchema.default(0.5),
  nllWeight: weight.default(0),
});

/** A pair by log-odds a token, and the loss of the chosen sequence, prompt included. */
const orpoSchema = z.strictObject({ kind: z.literal("orpo"), beta: betaSchema.default(0.1) });

/** Single answers with a label, against a reference and against answers to other prompts. */
const ktoSchema = z.strictObject({
  kind: z.literal("kto"),
  beta: betaSchema.default(0.1),
  /** `apo_zero_unpaired` does without answers to other prompts. */
  type: z.enum(["kto", "apo_zero_unpaired"]).default("kto"),
  desirableWeight: weight.default(1),
  undesirableWeight: weight.default(1),
  reference: referenceSchema,
});

/** What a job is trained on in place of the cross-entropy of its tokens. */
export const lossSchema = z.discriminatedUnion("kind", [
  dpoFieldsSchema.superRefine(checkSmoothing),
  cpoSchema,
  simpoSchema,
  orpoSchema,
  ktoSchema,
]);
/** The same as a person writes it, of which `defaults` may have some. */
export const writtenLossSchema = z.discriminatedUnion("kind", [
  dpoFieldsSchema,
  cpoSchema,
  simpoSchema,
  orpoSchema,
  ktoSchema,
]);

export type LossSpec = z.infer<typeof lossSchema>;

/** Whether a loss compares answers with those of a reference, too. */
export function hasReference({ kind }: LossSpec): boolean {
  return kind === "dpo" || kind === "kto";
}

/** Whether that is the adapter as it starts, and not the base. */
export function comparesWithStart(loss: LossSpec | undefined): boolean {
  return loss !== undefined && hasReference(loss) && "reference" in loss && loss.reference === "init";
}

/** Whether it compares a row with answers to other prompts of its mini-batch. */
export function hasDivergence(loss: LossSpec): boolean {
  return loss.kind === "kto" && loss.type === "kto";
}

/** How many answers a row has: of a pair both, of `kto` another row's beside its own. */
export function answersOf(loss: LossSpec): 1 | 2 {
  return loss.kind !== "kto" || hasDivergence(loss) ? 2 : 1;
}

/** @throws InputError for a job whose loss compares answers, where nothing is known of such: `what` */
export function refuseCompared(jobs: readonly { readonly loss?: LossSpec | undefined }[], what: string): void {
  jobs.forEach(({ loss }, job) => {
    if (loss !== undefined)
      throw new InputError({
        expected: `jobs without a loss that compares answers for ${what}`,
        at: `jobs[${job}].loss`,
        got: loss.kind,
      });
  });
}

/** What a loss needs of a job's data: pairs of answers, or answers with a label. */
export function comparedData(loss: LossSpec | undefined): "preference" | "unpaired" | undefined {
  if (loss === undefined) return undefined;
  return loss.kind === "kto" ? "unpaired" : "preference";
}
