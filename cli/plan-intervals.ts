import type { Calibration, Plan } from "../plan/index.ts";
import type { Intervals } from "../traces/index.ts";
import { predictIntervals } from "../workbench/index.ts";
import type { Arguments } from "./command.ts";
import type { Io } from "./io.ts";
import { contextOf, intervalChoice, switchedOff } from "./request-options.ts";

/** Where a plan's figures lie, with what INTERVAL_OPTIONS and VARIANT_OPTIONS say; undefined with --no-intervals. */
export async function planIntervals(
  io: Io,
  args: Arguments,
  plan: Plan,
  calibration: Calibration,
): Promise<Intervals | undefined> {
  const choice = intervalChoice(args);
  if (choice === undefined) return undefined;
  return await predictIntervals(contextOf(io, args), choice, plan, calibration, switchedOff(args));
}
