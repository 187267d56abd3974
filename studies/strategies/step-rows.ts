import { type Cut, cutRows } from "../../plan/index.ts";

/** Tokens of each row. */
export type RowLengths = readonly number[];

/** The rows of one optimizer step of one job, and how they are cut into micro-batches. */
export interface StepRows {
  readonly lengths: RowLengths;
  readonly cut: Cut;
}

/** Micro-batches of the rows, in order. */
export function cutStep({ lengths, cut }: StepRows): readonly RowLengths[] {
  let next = 0;
  return cutRows(lengths, cut).map((count) => {
    next += count;
    return lengths.slice(next - count, next);
  });
}
