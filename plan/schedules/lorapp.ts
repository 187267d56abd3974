import { greedyOrders } from "./greedy.ts";
import type { Schedule } from "./schedule-input.ts";

/** LoRA-aware pipeline parallelism, backward first (1F1B mode): micro-batches of different groups fill the pipeline. */
export const lorapp: Schedule = (input) => greedyOrders(input, "B");
