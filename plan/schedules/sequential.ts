import { oneAfterAnother } from "./one-after-another.ts";
import type { Schedule } from "./schedule-input.ts";

/** One micro-batch at a time through all stages, forward and back: no overlap, the plainest order there is. */
export const sequential: Schedule = (input) =>
  oneAfterAnother(input, (stage, { microBatches }) =>
    microBatches.flatMap((microBatch) => [
      { stage, letter: "F", microBatch },
      { stage, letter: "B", microBatch },
    ]),
  );
