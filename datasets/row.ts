/** The label of a token that is not scored, as PyTorch's cross-entropy has it. */
export const NOT_SCORED = -100;

/** One training sequence. `labels[t]` is predicted from the tokens before t, so `labels[0]` never counts. */
export interface Row {
  readonly inputIds: Int32Array;
  /** As long as `inputIds`; NOT_SCORED where the token is not scored. */
  readonly labels: Int32Array;
  /** Where a loss compares answers: the lengths of the sequences in it, one behind another. */
  readonly answers?: readonly number[];
  /** Of an answer with a label. */
  readonly isDesirable?: boolean;
}

/** Sequences as one row whose answers are compared. */
export function joinAnswers(sequences: readonly Row[], isDesirable?: boolean): Row {
  const joined = (key: "inputIds" | "labels"): Int32Array =>
    Int32Array.from(sequences.flatMap((sequence) => Array.from(sequence[key])));
  const labels = joined("labels");
  let start = 0;
  for (const { inputIds } of sequences) {
    labels[start] = NOT_SCORED;
    start += inputIds.length;
  }
  return {
    ...{ inputIds: joined("inputIds"), labels, answers: sequences.map(({ inputIds }) => inputIds.length) },
    ...(isDesirable === undefined ? {} : { isDesirable }),
  };
}

/** The sequences of a row, each as a view of it. */
export function sequencesOf({ inputIds, labels, answers = [inputIds.length] }: Row): readonly Row[] {
  let start = 0;
  return answers.map((length) => {
    const end = start + length;
    const own = { inputIds: inputIds.subarray(start, end), labels: labels.subarray(start, end) };
    start = end;
    return own;
  });
}

/** The tokens in front of the first that is scored; all where none is. */
export function promptLength({ labels }: Row): number {
  const start = labels.findIndex((label, at) => at > 0 && label !== NOT_SCORED);
  return start < 0 ? labels.length : start;
}

/** How many tokens of a row count in the loss. */
export function countScored({ labels }: Row): number {
  let count = 0;
  for (let t = 1; t < labels.length; t += 1) if (labels[t] !== NOT_SCORED) count += 1;
  return count;
}
