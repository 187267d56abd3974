// Losses that compare sums of token losses with each other: what a run is told of them. Formulas: src/ops/preference.h.

/** What a term is of its z, in the order of the addon's numbers. A divergence is a summand of other terms' z only. */
export const PREFERENCE_CURVES = ["logistic", "square", "hinge", "sigmoid", "divergence"] as const;
export type PreferenceCurve = (typeof PREFERENCE_CURVES)[number];

/** An answer, by its index into the run's `losses`. */
export interface PreferenceSide {
  readonly loss: number;
  /** The same answer without the adapter; none when absent. */
  readonly reference?: number;
  /** What the log-probability is multiplied by: 1, or one by the number of its tokens. */
  readonly share: number;
}

/** weight curve(z), z = beta (chosen - rejected) + offset, + chosenWeight (loss of the chosen). */
export interface PreferenceTerm {
  readonly curve: PreferenceCurve;
  /** Absent: the mean of the divergences, or 0; like `rejected`. */
  readonly chosen?: PreferenceSide;
  readonly rejected?: PreferenceSide;
  /** Compare log-odds, not log-probabilities. */
  readonly odds?: boolean;
  readonly beta: number;
  /** 0 when absent. */
  readonly offset?: number;
  /** Of a logistic term: weights of -logsigmoid(z), 1 when absent, and of -logsigmoid(-z), 0 when absent. */
  readonly up?: number;
  readonly down?: number;
  readonly weight: number;
  /** 0 when absent. */
  readonly chosenWeight?: number;
  /** Terms of the run, one behind another, whose mean is what an absent side is; at least 0. */
  readonly divergences?: { readonly first: number; readonly count: number };
}
