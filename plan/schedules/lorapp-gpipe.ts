import { greedyOrders } from "./greedy.ts";
import type { Schedule } from "./schedule-input.ts";

/** LoRA-aware pipeline parallelism, forward first (GPipe mode). Its bubble is not always that of the LoRAPP formula. */
export const lorappGpipe: Schedule = (input) => greedyOrders(input, "F");
