// Whether any link of a plan blocks.
export { hasBlockingLinks } from "./blocking-tasks.ts";
// Wires between devices, from a cluster.
export { clusterTopology } from "./cluster-topology.ts";
// What many devices do over them together.
export {
  type Collective,
  type CollectiveCost,
  collectiveCost,
  collectiveSeconds,
  fastestCollective,
} from "./collectives.ts";
// The errors that a calibration has.
export { type CostError, type CostErrors, costErrors, meanCostError } from "./cost-errors.ts";
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
// What an operator took once.
export type { OperatorSample } from "./fit-operator.ts";
// Few positive parameters from many residuals.
export { type FitProblem, fitParameters } from "./fit-parameters.ts";
// How sure a prediction is: runs drawn with those errors.
export {
  type DrawRequest,
  drawFigures,
  drawSeed,
  intervalsOfFigures,
  predictedFigures,
  type SwitchedOff,
} from "./intervals.ts";
// How much a machine's speed moves, as factors on a run's time.
export { type MachineMoves, machineMoves, machineState } from "./machine-moves.ts";
// A prediction for the machine as it was during a run.
export { atMachineSpeed } from "./machine-speed.ts";
// Least squares with coefficients that are not negative.
export { nonNegativeLeastSquares } from "./nnls.ts";
// Pipelines whose transfers overlap with computation.
export {
  type PipelineMessage,
  type PipelineTask,
  pipelineTasks,
  type TimedPipeline,
} from "./pipeline-tasks.ts";
// Request to plan to prediction.
export { type ChosenPlan, type PredictedPlan, planAndPredict, predictPlan } from "./predict-plan.ts";
// Measured times as they would have been at one speed of the machine.
export { actionsAtSpeed, operatorsAtSpeed, referenceSpeed } from "./reference-speed.ts";
// Pipelines whose transfers block both sides.
export { type RendezvousPipeline, rendezvousTasks } from "./rendezvous-pipeline.ts";
// A run again, with the times that it really took.
export { type ReplayOptions, replay } from "./replay.ts";
// The figures of a drawn run.
export type { RunFigures } from "./run-figures.ts";
// Any work in virtual time: tasks on ordered streams, with bytes over shared links.
export { type MessageCost, runTasks, type Task, type TaskFlow, type TaskGraph, type TaskTimes } from "./run-tasks.ts";
// What all actions of a drawn run share.
export { type SharedFactors, sharedFactors } from "./sample-times.ts";
// The plan in virtual time.
export { simulate, simulateStream } from "./simulate.ts";
// The same with transfers that block.
export { simulateBlocking } from "./simulate-blocking.ts";
// What a simulation is given.
export type { SimulateOptions } from "./simulate-options.ts";
// Wires figure by figure.
export { createTopology, linkRates, type MachineTopology, type Topology } from "./topology.ts";
