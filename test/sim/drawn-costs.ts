import { type Calibration, calibrationSchema, type PlanBody } from "../../plan/index.ts";
import { measuredUnit } from "../calibration/measured-unit.ts";
import { type UnitPlanOptions, unitPlan } from "../plan/unit-plan.ts";

/** The numbers of the first so many draws. */
export function firstDraws(count: number): readonly number[] {
  return Array.from({ length: count }, (_, draw) => draw);
}

export interface ErrorFigures {
  readonly systematic: number;
  readonly independent: number;
}

/** F takes 1 s, B 2 s and U 0.1 s whatever their operators, so that what differs is only the errors. */
export function measured(errors: ErrorFigures | null, meanAbsError = 0, secondsPerByte = 0): Calibration {
  const points = { points: 8, ...errors };
  const unit = measuredUnit();
  return calibrationSchema.parse({
    ...unit,
    operators: unit.operators.map((operator) => ({ ...operator, coefficients: {} })),
    actionSeconds: { F: 1, B: 2, U: 0.1 },
    link: { latencySeconds: 0, secondsPerByte },
    holdOut: {
      ...unit.holdOut,
      meanAbsError,
      ...(errors === null ? {} : { letters: { F: points, B: points, U: points } }),
    },
  });
}

export const constant: Calibration = {
  kind: "calibration",
  version: 1,
  model: "constant",
  seconds: { F: 1, B: 2, transfer: 0.25, update: 0.1 },
};

export const layers = (meanError: number): Calibration =>
  calibrationSchema.parse({
    kind: "calibration",
    version: 1,
    model: "layers",
    source: "a test",
    computeEfficiency: 0.5,
    activationBytes: 15,
    launchSeconds: 1e-4,
    meanError,
  });

/** On devices with peaks, so that every kind of calibration has times for it. */
export function planOf(numDevices = 3, numJobs = 3, parts = 2, more: Partial<UnitPlanOptions> = {}): PlanBody {
  const plan = unitPlan({ numDevices, numJobs, parts, steps: 6, ...more });
  const peaks = { peakFlopsPerSecond: { float32: 1e13 }, memoryBytesPerSecond: 1e12 };
  return { ...plan, devices: plan.devices.map((device) => ({ ...device, ...peaks })) };
}
