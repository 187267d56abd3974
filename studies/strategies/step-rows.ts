/** Tokens of each row. */
export type RowLengths = readonly number[];

/** The rows of one optimizer step of one job, and how many of them a micro-batch takes. */
export interface StepRows {
  readonly lengths: RowLengths;
  readonly microBatchSize: number;
}

/** Micro-batches of at most `size` rows each, in order. */
export function cutRows(lengths: RowLengths, size: number): readonly RowLengths[] {
  const count = Math.ceil(lengths.length / size);
  return Array.from({ length: count }, (_, part) => lengths.slice(part * size, (part + 1) * size));
}
