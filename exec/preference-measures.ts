// A job's loss that compares answers, and what is told of it, from the log-probabilities of its rows.
import { mean, sum } from "../core/index.ts";
import { type ComparedRow, hasDivergence, type LossSpec, likelihoodTokens, type MicroBatch } from "../plan/index.ts";
import type { LossParts } from "./loss-parts.ts";
import { isMean, likelihoodWeight, pairShape, pairWeight } from "./preference-terms.ts";

/** What a line of metrics.jsonl tells of a loss that compares answers, beside the loss: means over rows. */
export interface PreferenceMeasures {
  /**
   * Of the chosen answers, or of those whose label is yes: beta times what the adapter has added to their
   * log-probability; of losses without a reference beta times that. Null where there is none, like the others.
   */
  readonly rewardChosen: number | null;
  readonly rewardRejected: number | null;
  /** The difference of the two. */
  readonly margin: number | null;
  /** The share of pairs whose chosen answer has the higher reward; null without pairs. */
  readonly accuracy: number | null;
  /** Log-probabilities: of all tokens of an answer, or their mean where the loss takes that. */
  readonly logpChosen: number | null;
  readonly logpRejected: number | null;
  /** The mean loss of a token of the chosen answers, of ORPO of their prompts', too; null where the loss has none. */
  readonly nll: number | null;
  /** How far the adapter is from the base on answers to other prompts; null but for kto. */
  readonly kl: number | null;
}

/** What is known of a row: sums of token losses. */
export interface SeenRow {
  readonly compared: ComparedRow;
  readonly prompt: number;
  readonly answers: readonly number[];
  /** Empty without a reference. */
  readonly references: readonly number[];
}

/** The rows of a micro-batch whose answers are compared, by their jobs, with their sums out of those of its run. */
export function seenRows(
  { rows }: Pick<MicroBatch, "rows">,
  { ofRow }: LossParts,
  losses: ArrayLike<number>,
): readonly (readonly [job: number, row: SeenRow])[] {
  return rows.flatMap(([job, , , , compared], index) => {
    const parts = ofRow[index];
    if (parts === undefined || compared === undefined) return [];
    const row: SeenRow = {
      compared,
      prompt: parts.prompt === undefined ? 0 : losses[parts.prompt]!,
      answers: parts.answers.map((part) => losses[part]!),
      references: parts.references.map((part) => losses[part]!),
    };
    return [[job, row] as const];
  });
}

function logSigmoid(z: number): number {
  return z < 0 ? z - Math.log1p(Math.exp(z)) : -Math.log1p(Math.exp(-z));
}

function sigmoid(z: number): number {
  return Math.exp(logSigmoid(z));
}

/** v - log(1 - exp(v)) of v < 0, exact near 0 as well. */
function logOdds(v: number): number {
  return v - (v > -Math.LN2 ? Math.log(-Math.expm1(v)) : Math.log1p(-Math.exp(v)));
}

function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : mean(values);
}

/** By row and answer. */
interface Values {
  /** Log-probabilities as the loss takes them: of all tokens, or on average. */
  readonly logps: readonly (readonly number[])[];
  /** The same less the base's. */
  readonly ratios: readonly (readonly number[])[];
  readonly rewards: readonly (readonly number[])[];
}

function valuesOf(loss: LossSpec, rows: readonly SeenRow[]): Values {
  const isShared = isMean(loss);
  const ofAnswers = (value: (row: SeenRow, answer: number, tokens: number) => number) =>
    rows.map((row) => row.compared.answers.map(([, tokens], answer) => value(row, answer, tokens)));
  const added = (row: SeenRow, answer: number): number => (row.references[answer] ?? 0) - row.answers[answer]!;
  return {
    logps: ofAnswers((row, answer, tokens) => -row.answers[answer]! / (isShared && loss.kind !== "dpo" ? tokens : 1)),
    ratios: ofAnswers((row, answer, tokens) => added(row, answer) / (isShared ? tokens : 1)),
    // Of DPO the sums, whatever its type.
    rewards: ofAnswers(
      (row, answer, tokens) => loss.beta * (added(row, answer) / (isShared && loss.kind !== "dpo" ? tokens : 1)),
    ),
  };
}

function curve(loss: Exclude<LossSpec, { kind: "kto" }>, [chosen, rejected]: readonly number[]): number {
  const { curve: form, beta, offset = 0, up = 1, down = 0, odds = false } = pairShape(loss);
  const value = odds ? logOdds : (v: number): number => v;
  if (form === "sigmoid") return 1 - sigmoid(beta * chosen!) + sigmoid(beta * rejected!);
  const z = beta * (value(chosen!) - value(rejected!)) + offset;
  if (form === "square") return z * z;
  if (form === "hinge") return Math.max(0, 1 - z);
  return -up * logSigmoid(z) - down * logSigmoid(-z);
}

export interface ComparedLoss {
  readonly loss: number;
  readonly preference: PreferenceMeasures;
}

/** Rows that have the answer to another prompt beside, or in place of, their own. */
export function otherRows(rows: readonly SeenRow[]): readonly SeenRow[] {
  return rows.filter(({ compared }) => compared.part !== "own");
}

/** How far an adapter is from its reference on answers to other prompts, at least 0: `kl` of KTO. */
export function divergenceFrom(loss: LossSpec, rows: readonly SeenRow[]): number {
  const { ratios } = valuesOf(loss, otherRows(rows));
  return Math.max(0, mean(ratios.map((own) => own.at(-1)!)));
}

function unpairedLoss(loss: Extract<LossSpec, { kind: "kto" }>, seen: readonly SeenRow[]): ComparedLoss {
  const kl = hasDivergence(loss) ? divergenceFrom(loss, seen) : null;
  const rows = seen.filter(({ compared }) => compared.part !== "other");
  const { logps, ratios, rewards } = valuesOf(loss, rows);
  const all = rows.map(({ compared: { isDesirable = false } }, row) => {
    const z = loss.beta * (ratios[row]![0]! - (kl ?? 0)) * (isDesirable ? 1 : -1);
    return (isDesirable ? loss.desirableWeight : loss.undesirableWeight) * (1 - sigmoid(z));
  });
  const of = (values: Values["logps"], isDesirable: boolean): number | null =>
    meanOf(values.flatMap((own, row) => ((rows[row]!.compared.isDesirable ?? false) === isDesirable ? [own[0]!] : [])));
  const [rewardChosen, rewardRejected] = [of(rewards, true), of(rewards, false)];
  return {
    loss: mean(all),
    preference: {
      ...{ rewardChosen, rewardRejected },
      margin: rewardChosen === null || rewardRejected === null ? null : rewardChosen - rewardRejected,
      ...{ accuracy: null, logpChosen: of(logps, true), logpRejected: of(logps, false), nll: null, kl },
    },
  };
}

/** The loss of all rows of a mini-batch, or of an evaluation, and what is told of it. At least one row. */
export function comparedLoss(loss: LossSpec, rows: readonly SeenRow[]): ComparedLoss {
  if (loss.kind === "kto") return unpairedLoss(loss, rows);
  const { logps, ratios, rewards } = valuesOf(loss, rows);
  const of = (values: Values["logps"], answer: number): number => mean(values.map((own) => own[answer]!));
  const margins = rewards.map(([chosen, rejected]) => chosen! - rejected!);
  const weight = likelihoodWeight(loss);
  const nll =
    weight === 0
      ? null
      : sum(rows.map(({ prompt, answers }) => prompt + answers[0]!)) /
        sum(rows.map(({ compared }) => likelihoodTokens(loss, compared)));
  return {
    loss: pairWeight(loss) * mean(ratios.map((own) => curve(loss, own))) + weight * (nll ?? 0),
    preference: {
      ...{ rewardChosen: of(rewards, 0), rewardRejected: of(rewards, 1), margin: mean(margins) },
      accuracy: margins.filter((margin) => margin > 0).length / margins.length,
      ...{ logpChosen: of(logps, 0), logpRejected: of(logps, 1), nll, kl: null },
    },
  };
}
