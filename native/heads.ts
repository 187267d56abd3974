// What operators of attention have in common.

/** The q, k and v columns of one packed projection, and the heads they hold. */
export interface HeadLayout {
  readonly qColumn: number;
  readonly kColumn: number;
  readonly vColumn: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** What attention computes otherwise than softmax(Q K^T / sqrt(headDim)) over all keys up to the query's. */
export interface AttentionKind {
  /** In place of 1 / sqrt(headDim). */
  readonly scale?: number;
  /** c: scores become c tanh(score / c) before the softmax. */
  readonly softcap?: number;
  /** A query sees so many keys, its own included. */
  readonly window?: number;
  /** A query at t sees keys from chunk floor(t / chunk) on. Not beside a window. */
  readonly chunk?: number;
}
