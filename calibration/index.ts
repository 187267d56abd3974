// What times assume, in words.
export { type Assumptions, calibrationAssumptions } from "./assumptions.ts";
// From measurements to the costs of a plan, and how sure these are.

// The plans that measure what a calibration covers.
export { calibrationPlans, WARM_STEPS } from "./calibration-plans.ts";
// Which work a calibration covers, from the plan that it is for.
export { type CalibrationRange, rangeOfPlan } from "./calibration-range.ts";
// How far off a calibration says that its times are.
export { type CostError, type CostErrors, costErrors, meanCostError } from "./cost-errors.ts";
// Where times come from, as commands print it.
export { costsFacts } from "./costs-facts.ts";
// From measurements to coefficients, with a score on what was kept out.
export {
  type ActionSample,
  type CalibrationSamples,
  type FittedCalibration,
  fitCalibration,
} from "./fit-calibration.ts";
// What kernels of a GPU take, as few figures, from times of them.
export {
  type AttentionTime,
  attentionTime,
  type CollectiveTime,
  fitAttention,
  fitCollectives,
  fitProducts,
  leftOutKernels,
  type ProductTime,
  type TimedGpu,
} from "./fit-kernels.ts";
// The latency and the rate of a link, from messages over it.
export { fitLink, type LinkSample } from "./fit-link.ts";
// What an operator took, once.
export type { OperatorSample } from "./fit-operator.ts";
// Few positive parameters from many residuals.
export { type FitProblem, fitParameters } from "./fit-parameters.ts";
// How much a machine's speed moves, as factors on a run's time.
export {
  drawMoves,
  lostTime,
  type MachineMove,
  type MachineMoves,
  machineMoves,
  machineState,
  type ProbedState,
  probedState,
  type SeenDevice,
  type SeenRun,
  stateOfDevices,
} from "./machine-moves.ts";
// Measured times as they would have been at one speed of the machine.
export { actionsAtSpeed, operatorsAtSpeed, referenceSpeed } from "./reference-speed.ts";
