import { oneAfterAnother } from "./one-after-another.ts";
import type { Schedule } from "./schedule-input.ts";

/** GPipe (Huang et al. 2019): all forwards of a mini-batch, then its backwards, last micro-batch first. */
export const gpipe: Schedule = (input) =>
  oneAfterAnother(input, (stage, { microBatches }) => [
    ...microBatches.map((microBatch) => ({ stage, letter: "F", microBatch }) as const),
    ...[...microBatches].reverse().map((microBatch) => ({ stage, letter: "B", microBatch }) as const),
  ]);
