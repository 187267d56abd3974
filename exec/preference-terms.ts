// What a device is told of a job's loss: the terms of its rows (native/src/ops/preference.h).
import type { PreferenceSide, PreferenceTerm } from "../native/index.ts";
import { type ComparedRow, hasDivergence, type LossSpec } from "../plan/index.ts";
import type { RowParts } from "./loss-parts.ts";

/** What a job's rows count: of its mini-batch all rows, and the tokens whose mean loss is added. */
export interface PreferenceWeights {
  readonly rows: number;
  readonly likelihoodTokens: number;
  /** `kl` of KTO, where other micro-batches of the step have told it. */
  readonly divergence?: number | undefined;
}

/** What the mean loss of the chosen answers' tokens is multiplied by. */
export function likelihoodWeight(loss: LossSpec): number {
  switch (loss.kind) {
    case "dpo":
      return loss.sftWeight ?? 0;
    case "cpo":
    case "simpo":
      return loss.nllWeight;
    case "orpo":
      return 1;
    case "kto":
      return 0;
  }
}

/** Whether an answer's log-probability is that of its tokens on average, and not of all together. */
export function isMean(loss: LossSpec): boolean {
  if (loss.kind === "dpo") return loss.type === "ipo" || loss.type === "sigmoid_norm";
  return loss.kind === "simpo" || loss.kind === "orpo";
}

type Shape = Pick<PreferenceTerm, "curve" | "beta" | "offset" | "up" | "down" | "odds">;

/** A pair's term, without its sides; apo_zero has one of each side. */
export function pairShape(loss: Exclude<LossSpec, { kind: "kto" }>): Shape {
  const { beta } = loss;
  if (loss.kind === "simpo") return { curve: "logistic", beta, offset: -loss.gamma };
  if (loss.kind === "orpo") return { curve: "logistic", beta: 1, odds: true };
  const { labelSmoothing: wrong = 0 } = loss;
  const smoothed: Shape = { curve: "logistic", beta, up: 1 - wrong, down: wrong };
  if (loss.kind === "cpo") return smoothed;
  switch (loss.type) {
    case "sigmoid":
      return smoothed;
    case "sigmoid_norm":
      return { curve: "logistic", beta };
    case "robust":
      return { ...smoothed, up: (1 - wrong) / (1 - 2 * wrong), down: -wrong / (1 - 2 * wrong) };
    case "ipo":
      return { curve: "square", beta: 1, offset: -1 / (2 * beta) };
    case "hinge":
      return { curve: "hinge", beta };
    case "apo_zero":
      return { curve: "sigmoid", beta };
  }
}

/** What a pair's curve is multiplied by: ORPO's beta is outside of it. */
export function pairWeight(loss: LossSpec): number {
  return loss.kind === "orpo" ? loss.beta : 1;
}

/** A row of a job, and where its parts are among the losses of the run. */
export interface TermRow {
  readonly compared: ComparedRow;
  readonly parts: RowParts;
}

function sideOf(loss: LossSpec, { compared, parts }: TermRow, answer: number): PreferenceSide {
  const reference = parts.references[answer];
  return {
    loss: parts.answers[answer]!,
    ...(reference === undefined ? {} : { reference }),
    share: isMean(loss) ? 1 / compared.answers[answer]![1] : 1,
  };
}

/** The terms of a job's rows in a run; `first`: how many terms the run has before them. */
export function preferenceTerms(
  loss: LossSpec,
  rows: readonly TermRow[],
  weights: PreferenceWeights,
  first: number,
): readonly PreferenceTerm[] {
  const weight = pairWeight(loss) / weights.rows;
  if (loss.kind === "kto") {
    const others = rows.filter((row) => hasDivergence(loss) && row.compared.part !== "own");
    const divergences = others.map(
      // It is the only one that a part of a row has.
      (row): PreferenceTerm => ({
        ...{ curve: "divergence", chosen: sideOf(loss, row, row.compared.part === undefined ? 1 : 0) },
        ...{ beta: 1, weight: 0 },
      }),
    );
    const terms = rows
      .filter(({ compared }) => compared.part !== "other")
      .map((row): PreferenceTerm => {
        const { isDesirable = false } = row.compared;
        const offset = loss.beta * (weights.divergence ?? 0);
        return {
          ...{ curve: "sigmoid", beta: loss.beta, [isDesirable ? "chosen" : "rejected"]: sideOf(loss, row, 0) },
          weight: weight * (isDesirable ? loss.desirableWeight : loss.undesirableWeight),
          ...(others.length > 0
            ? { divergences: { first, count: others.length } }
            : { offset: isDesirable ? -offset : offset }),
        };
      });
    return [...divergences, ...terms];
  }
  const shape = pairShape(loss);
  const chosenWeight = likelihoodWeight(loss) / weights.likelihoodTokens;
  return rows.flatMap((row): readonly PreferenceTerm[] => {
    const [chosen, rejected] = [sideOf(loss, row, 0), sideOf(loss, row, 1)];
    if (shape.curve === "sigmoid")
      return [
        { ...shape, chosen, weight, chosenWeight },
        { ...shape, rejected, weight },
      ];
    return [{ ...shape, chosen, rejected, weight, chosenWeight }];
  });
}
