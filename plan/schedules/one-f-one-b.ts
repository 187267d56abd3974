import { BACKWARD, FORWARD } from "../actions/action.ts";
import { coded } from "../actions/order.ts";
import { oneAfterAnother } from "./one-after-another.ts";
import type { Schedule } from "./schedule-input.ts";

/**
 * 1F1B with a flush (PipeDream-flush, Narayanan et al. 2021): stage s runs numStages - s forwards ahead, then one
 * backward for each forward.
 */
export const oneFOneB: Schedule = (input) =>
  oneAfterAnother(input, (stage, { microBatches }) => {
    const ahead = Math.min(input.numStages - stage, microBatches.length, input.maxInFlight ?? Number.POSITIVE_INFINITY);
    const order = microBatches.slice(0, ahead).map((microBatch) => coded(FORWARD, microBatch));
    microBatches.forEach((microBatch, i) => {
      order.push(coded(BACKWARD, microBatch));
      const next = microBatches[i + ahead];
      if (next !== undefined) order.push(coded(FORWARD, next));
    });
    return order;
  });
