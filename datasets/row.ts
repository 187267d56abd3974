/** The label of a token that is not scored, as PyTorch's cross-entropy has it. */
export const NOT_SCORED = -100;

/** One training sequence. `labels[t]` is predicted from the tokens before t, so `labels[0]` never counts. */
export interface Row {
  readonly inputIds: Int32Array;
  /** As long as `inputIds`; NOT_SCORED where the token is not scored. */
  readonly labels: Int32Array;
}

/** How many tokens of a row count in the loss. */
export function countScored({ labels }: Row): number {
  let count = 0;
  for (let t = 1; t < labels.length; t += 1) if (labels[t] !== NOT_SCORED) count += 1;
  return count;
}
