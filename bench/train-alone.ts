// A plan trained in a process of its own.
import { inOwnProcess } from "./own-process.ts";
import { benchModel, peakBytes, plannedBytes, roundSeconds, train } from "./train.ts";
import { benchPlan, type PlanShape } from "./workload.ts";

export interface AloneResult {
  /** Seconds in which every job makes one step. */
  readonly roundSeconds: number;
  readonly plannedBytes: number;
  /** Of the devices. */
  readonly peakBytes: number;
  /** Of the whole process: the devices, Node, and the weights while they are read. */
  readonly residentBytes: number;
}

/** Trains in another process, on one core alone when it is given. @throws DeviceError when that fails. */
export function trainAlone(shape: PlanShape, core?: number): Promise<AloneResult> {
  return inOwnProcess("train", shape, { core });
}

/** As `trainAlone`, in this process. */
export async function trainFigures(shape: PlanShape): Promise<AloneResult> {
  const plan = benchPlan(shape);
  const result = await train(plan, benchModel(plan.model.architecture));
  return {
    roundSeconds: roundSeconds(plan, result.trace),
    plannedBytes: plannedBytes(plan),
    peakBytes: peakBytes(result),
    residentBytes: process.resourceUsage().maxRSS * 1024,
  };
}
