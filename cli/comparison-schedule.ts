import { COMPARISON_SCHEDULES, type ComparisonSchedule } from "../studies/index.ts";
import { type Arguments, optionalText } from "./command.ts";
import { type Option, type OptionTable, pick } from "./option-table.ts";
import { COST_OPTIONS, DEVICE_OPTIONS, PLAN_OPTIONS } from "./plan-options.ts";
import { CACHE_OPTIONS, OVERLAP_OPTION } from "./prediction-options.ts";

/** The comparison schedule of that name; undefined where there is none. */
export function asComparison(given: string | undefined): ComparisonSchedule | undefined {
  return COMPARISON_SCHEDULES.find((name) => name === given);
}

/** The comparison schedule of --schedule; undefined for a schedule of plans. */
export function comparisonSchedule(args: Arguments): ComparisonSchedule | undefined {
  return asComparison(optionalText(args, "schedule"));
}

/** `--schedule` of `simulate`, which has more of them than a plan can have. */
export const SIMULATED_SCHEDULE = {
  ...PLAN_OPTIONS.schedule,
  choices: [...PLAN_OPTIONS.schedule.choices, ...COMPARISON_SCHEDULES],
  describe: `order of the actions: lorapp, or another where that is faster (auto); ${COMPARISON_SCHEDULES.join(", ")} are simulated only`,
} as const satisfies Option;

/** What each of them takes wherever one is simulated: of the options of plans, those that decide more than a plan. */
export const COMPARISON_OPTIONS = {
  ...DEVICE_OPTIONS,
  ...COST_OPTIONS,
  ...pick(PLAN_OPTIONS, "dtype", "recompute"),
  ...CACHE_OPTIONS,
  ...OVERLAP_OPTION,
  full: {
    type: "boolean",
    default: false,
    describe: `train the base model's weights (${COMPARISON_SCHEDULES.join(", ")})`,
  },
} as const satisfies OptionTable;
