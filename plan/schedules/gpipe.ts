import { BACKWARD, FORWARD } from "../actions/action.ts";
import { coded } from "../actions/order.ts";
import { oneAfterAnother } from "./one-after-another.ts";
import type { Schedule } from "./schedule-input.ts";

/** GPipe (Huang et al. 2019): all forwards of a mini-batch, then its backwards, last micro-batch first. */
export const gpipe: Schedule = (input) =>
  oneAfterAnother(input, (_, { microBatches }) => [
    ...microBatches.map((microBatch) => coded(FORWARD, microBatch)),
    ...[...microBatches].reverse().map((microBatch) => coded(BACKWARD, microBatch)),
  ]);
