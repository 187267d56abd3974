import { BACKWARD, FORWARD } from "../actions/action.ts";
import { coded } from "../actions/order.ts";
import { oneAfterAnother } from "./one-after-another.ts";
import type { Schedule } from "./schedule-input.ts";

/** One micro-batch at a time through all stages, forward and back: no overlap, the plainest order there is. */
export const sequential: Schedule = (input) =>
  oneAfterAnother(input, (_, { microBatches }) =>
    microBatches.flatMap((microBatch) => [coded(FORWARD, microBatch), coded(BACKWARD, microBatch)]),
  );
