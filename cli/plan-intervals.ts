import type { Calibration, Plan } from "../plan/index.ts";
import type { Intervals } from "../traces/index.ts";
import { isOfThisMachine, predictIntervals } from "../workbench/index.ts";
import type { Arguments } from "./command.ts";
import type { Io } from "./io.ts";
import { intervalLines, note } from "./output.ts";
import { contextOf, intervalChoice, switchedOff, usesCache } from "./request-options.ts";

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

/** Says how long a plan will train, where its times were measured on this machine and how that is now may be asked. */
export async function noteExpected(io: Io, args: Arguments, plan: Plan): Promise<void> {
  const { calibration } = plan;
  if (!usesCache(args) || !isOfThisMachine(calibration)) return;
  const intervals = await predictIntervals(contextOf(io, args), { seed: 0, withHistory: true }, plan, calibration);
  for (const line of intervalLines(intervals)) note(io, args, line);
}
