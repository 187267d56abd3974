import { EXECUTOR_FAULTS } from "./executor-faults.ts";
import { GROWTH_FAULTS } from "./growth-faults.ts";
import { PLANNER_FAULTS } from "./planner-faults.ts";
import type { PlantedFault } from "./planted-change.ts";
import { SCHEDULER_FAULTS } from "./scheduler-faults.ts";
import { SIMULATOR_FAULTS } from "./simulator-faults.ts";

export const FAULTS: readonly PlantedFault[] = [
  ...PLANNER_FAULTS,
  ...SIMULATOR_FAULTS,
  ...SCHEDULER_FAULTS,
  ...GROWTH_FAULTS,
  ...EXECUTOR_FAULTS,
];
