import type { StageOrders } from "../actions/order.ts";
import { ListScheduler } from "./list-scheduler.ts";
import type { ScheduleInput } from "./schedule-input.ts";

/** The orders of a list scheduler that knows all mini-batches from the start. */
export function greedyOrders({ miniBatches, ...setting }: ScheduleInput, prefer: "F" | "B"): StageOrders {
  const scheduler = new ListScheduler({ ...setting, prefer });
  for (const steps of miniBatches) scheduler.admit(steps);
  scheduler.advance(Number.POSITIVE_INFINITY);
  return scheduler.take();
}
