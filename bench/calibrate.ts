import { rangeOfPlan } from "../calibration/index.ts";
import type { MeasuredCalibration } from "../plan/index.ts";
import {
  type CalibrationRun,
  type CalibrationSubject,
  calibrateDevices,
  calibrationOf,
  calibrationRuns,
  type MeasuredRun,
  measureRun,
} from "../workbench/machine/calibrate-devices.ts";
import { type MachineWatch, watchMachine } from "../workbench/machine/watch-machine.ts";
import { today } from "../workbench/today.ts";
import { benchModel } from "./train.ts";
import { benchPlan, type PlanShape } from "./workload.ts";

function subjectOf(shape: PlanShape): CalibrationSubject {
  const plan = benchPlan(shape);
  return { range: rangeOfPlan(plan), model: benchModel(plan.model.architecture) };
}

/** A calibration over the sizes of a plan, as `calibrate --workload` makes it. */
export async function calibrateFor(shape: PlanShape): Promise<MeasuredCalibration> {
  return await calibrateDevices([subjectOf(shape)], today(), () => {});
}

/**
 * The runs of a calibration over the sizes of several plans, to be measured one by one, and the fit of what they took.
 */
export interface Calibrator {
  readonly runs: readonly CalibrationRun[];
  /** How fast the machine is meanwhile. */
  readonly watch: MachineWatch;
  fit(measured: readonly MeasuredRun[]): MeasuredCalibration;
}

/** The plans are of one model, dtype and list of devices. */
export function calibratorFor(shapes: readonly PlanShape[]): Calibrator {
  const subjects = shapes.map(subjectOf);
  const { range } = subjects[0]!;
  const watch = watchMachine(range.devices);
  return {
    runs: subjects.flatMap(calibrationRuns),
    watch,
    fit: (measured) => calibrationOf(measured, range, today(), watch.end()),
  };
}

/** A calibration over the sizes of several plans, all its runs one after another. */
export async function calibrateShapes(shapes: readonly PlanShape[]): Promise<MeasuredCalibration> {
  const calibrator = calibratorFor(shapes);
  const { runs, watch } = calibrator;
  await watch.probe();
  const measured: MeasuredRun[] = [];
  for (const run of runs) measured.push(await measureRun(run, measured));
  await watch.probe();
  return calibrator.fit(measured);
}
