import { calibrateDevices, rangeOfPlan } from "../cli/calibrate-devices.ts";
import type { MeasuredCalibration } from "../plan/index.ts";
import { benchModel } from "./train.ts";
import { benchPlan, type PlanShape } from "./workload.ts";

/** A calibration over the sizes of a plan, as `calibrate --workload` makes it. */
export async function calibrateFor(shape: PlanShape): Promise<MeasuredCalibration> {
  const plan = benchPlan(shape);
  const subject = { range: rangeOfPlan(plan), model: benchModel(plan.model.architecture) };
  return await calibrateDevices([subject], new Date().toISOString().slice(0, 10), () => {});
}
