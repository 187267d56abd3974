// Whether any link of a plan blocks.

// How sure a prediction is: runs drawn with those errors.
export {
  type DrawRequest,
  drawFigures,
  drawSeed,
  intervalsOfFigures,
  predictedFigures,
  type SwitchedOff,
} from "./intervals.ts";
// A prediction for the machine as it was during a run.
export { atMachineSpeed } from "./machine-speed.ts";
// Wires between devices, from a cluster.
export { clusterTopology } from "./network/cluster-topology.ts";
// What many devices do over them together.
export {
  type Collective,
  type CollectiveCost,
  collectiveCost,
  collectiveSeconds,
  fastestCollective,
} from "./network/collectives.ts";
// Wires figure by figure.
export { createTopology, linkRates, type MachineTopology, type Topology } from "./network/topology.ts";
// Request to plan to prediction.
export { type ChosenPlan, type PredictedPlan, planAndPredict, predictPlan } from "./predict-plan.ts";
// A run again, with the times that it really took.
export { type ReplayOptions, replay } from "./replay.ts";
// The figures of a drawn run.
export type { RunFigures } from "./run/run-figures.ts";
// What all actions of a drawn run share.
export { type SharedFactors, sharedFactors } from "./sample-times.ts";
// The plan in virtual time.
export { simulate, simulateStream } from "./simulate.ts";
// The same with transfers that block.
export { simulateBlocking } from "./simulate-blocking.ts";
// What a simulation is given.
export type { SimulateOptions } from "./simulate-options.ts";
export { hasBlockingLinks } from "./tasks/blocking-tasks.ts";
// Pipelines whose transfers overlap with computation.
export {
  type PipelineMessage,
  type PipelineTask,
  pipelineTasks,
  type TimedPipeline,
} from "./tasks/pipeline-tasks.ts";
// Pipelines whose transfers block both sides.
export { type RendezvousPipeline, rendezvousTasks } from "./tasks/rendezvous-pipeline.ts";
// Any work in virtual time: tasks on ordered streams, with bytes over shared links.
export {
  type MessageCost,
  runTasks,
  type Task,
  type TaskFlow,
  type TaskGraph,
  type TaskTimes,
} from "./tasks/run-tasks.ts";
