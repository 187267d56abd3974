import { InputError } from "../core/index.ts";
import { COMPARISON_SCHEDULES, type ComparisonSchedule } from "../studies/index.ts";
import { type Arguments, optionalText } from "./command.ts";

/** The comparison schedule of --schedule; undefined for a schedule of plans. */
export function comparisonSchedule(args: Arguments): ComparisonSchedule | undefined {
  const schedule = optionalText(args, "schedule");
  return COMPARISON_SCHEDULES.find((name) => name === schedule);
}

/** @throws InputError where a plan is asked for with a schedule that is simulated only. */
export function requirePlanSchedule(args: Arguments): void {
  const schedule = comparisonSchedule(args);
  if (schedule === undefined) return;
  throw new InputError({
    expected: "a schedule that can be planned and executed",
    at: "--schedule",
    got: schedule,
    hint: `${schedule} is simulated only: \`loratwin simulate WORKLOAD --cluster FILE --schedule ${schedule}\`.`,
  });
}
