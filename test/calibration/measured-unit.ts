import {
  calibrationSchema,
  type MeasuredCalibration,
  stageOperators,
  stageShapes,
  updateOperator,
} from "../../plan/index.ts";
import { unitPlan } from "../plan/unit-plan.ts";

/** The kinds of the operators of first, middle and last stages. */
export function operatorKinds(): readonly string[] {
  const plan = unitPlan({ numDevices: 3, numJobs: 1, parts: 1, steps: 1 });
  const kinds = plan.stages.flatMap((stage) => {
    const shape = stageShapes(plan)[stage.index]!;
    const passes = (["F", "B"] as const).flatMap((letter) => stageOperators(shape, letter, plan.microBatches[0]!));
    return [...passes, updateOperator(shape, [0])].map(({ kind }) => kind);
  });
  return [...new Set(kinds)];
}

/** A measured calibration in which each call of an operator takes a second, and nothing else takes time. */
export function measuredUnit(): MeasuredCalibration {
  const calibration = calibrationSchema.parse({
    kind: "calibration",
    version: 1,
    model: "measured",
    device: { type: "unit", description: "", threads: 1, devicesAtOnce: 1 },
    date: "2026-01-01",
    dtype: "float32",
    operators: operatorKinds().map((operator) => ({
      operator,
      coefficients: { one: 1 },
      samples: 1,
      meanAbsError: 0,
      residualSpread: 0,
    })),
    actionSeconds: { F: 0, B: 0, U: 0 },
    link: { latencySeconds: 0, secondsPerByte: 0 },
    holdOut: { points: 8, meanAbsError: 0, p90AbsError: 0 },
    samplesHash: "",
  });
  return calibration as MeasuredCalibration;
}
