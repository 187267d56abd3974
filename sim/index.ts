// From measurements to coefficients, with a score on what was kept out.
export {
  type ActionSample,
  type CalibrationSamples,
  type FitOptions,
  type FittedCalibration,
  fitCalibration,
} from "./fit-calibration.ts";
// Latency and rate of a link from messages.
export { fitLink, type LinkSample } from "./fit-link.ts";
export type { OperatorSample } from "./fit-operator.ts";
// The plan in virtual time.
export { type SimulateOptions, simulate } from "./simulate.ts";
