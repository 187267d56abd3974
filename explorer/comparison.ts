// Schedules that are simulated only, for comparison: no plan has them. The page knows them without the code behind them.
import type { ComparisonSchedule } from "../studies/index.ts";
import type { Scene } from "./scene.ts";

/** What of the model a device computes under each of them. */
export const COMPARED_PARTS: Readonly<Record<ComparisonSchedule, string>> = {
  tp: "a share of every layer",
  fsdp: "all layers, gathered for use",
  ddp: "all layers",
  interleaved: "several pieces of the model",
  "zb-h1": "one piece of the model",
};

export const COMPARED_SCHEDULES = Object.keys(COMPARED_PARTS) as readonly ComparisonSchedule[];

export function isComparison(schedule: Scene["schedule"]): schedule is ComparisonSchedule {
  return Object.hasOwn(COMPARED_PARTS, schedule);
}
