// From measurements to coefficients, with a score on what was kept out.
export {
  type ActionSample,
  type CalibrationSamples,
  type FitOptions,
  type FittedCalibration,
  fitCalibration,
} from "./fit-calibration.ts";
export type { OperatorSample } from "./fit-operator.ts";
// The plan in virtual time, as columns of numbers: for studies that need no trace.
export { type Run, runPlan } from "./run-plan.ts";
// The plan in virtual time, as a trace.
export { type SimulateOptions, simulate } from "./simulate.ts";
