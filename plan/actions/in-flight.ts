import { BACKWARD, EVALUATION, FORWARD } from "./action.ts";
import { letterOf, microBatchOf, type Order } from "./order.ts";

/**
 * The most that is held at any time along an order of a device's actions: a forward takes its share, and the backward
 * gives it back; an evaluation has it for itself. A property of the order alone, whatever the times are.
 */
export function peakHeld(order: Order, held: (microBatch: number) => number): number {
  let now = 0;
  let peak = 0;
  for (const action of order) {
    const letter = letterOf(action);
    if (letter === FORWARD) now += held(microBatchOf(action));
    else if (letter === BACKWARD) now -= held(microBatchOf(action));
    peak = Math.max(peak, letter === EVALUATION ? now + held(microBatchOf(action)) : now);
  }
  return peak;
}

/** The most micro-batches between forward and backward, or in their evaluation. */
export function peakInFlight(order: Order): number {
  return peakHeld(order, () => 1);
}
