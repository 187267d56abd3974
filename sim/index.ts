// Jobs over time, iteration by iteration.

// How sure a prediction is: the figures of runs that are drawn with the errors of the calibration, few of them simulated.
export { ALL_DRAWS, estimatedDraws } from "./estimated-draws.ts";
// A fleet that was executed beside its twin, both judged.
export { besideTwin, type ExecutedFleet, type TwinnedFleet, whatHung } from "./fleet/beside-twin.ts";
export { CohortTimes } from "./fleet/cohort-times.ts";
export type { AgainstBound, FleetMetrics, Spread } from "./fleet/fleet-metrics.ts";
export { type FleetModel, type FleetSetting, fleetModel } from "./fleet/fleet-model.ts";
export { type FleetDraws, fleetRanges, type JobRange, REPORTED_NS } from "./fleet/fleet-ranges.ts";
// A fleet at some time, simulated or live, and what is to come.
export type { FleetCut, FleetState, SimulatedJob, Truth } from "./fleet/fleet-state.ts";
export type { FleetTimes } from "./fleet/fleet-times.ts";
// A fleet that was executed, simulated as it happened.
export { type FleetTwin, type FleetTwinInput, fleetTwin, type Happenings, happeningsOf } from "./fleet/fleet-twin.ts";
// What a fleet would do under other policies, for the one that asks.
export { type FleetMachines, fleetForecaster } from "./fleet/forecast.ts";
// When the jobs of a fleet end, where its memory is not.
export {
  type AskedComer,
  type AskedFleet,
  type AskedFuture,
  type FutureAnswer,
  futureElsewhere,
  type ToldFleet,
} from "./fleet/future-elsewhere.ts";
// Runs that are interrupted as often as a fleet was so far.
export { interruptedPaths } from "./fleet/interrupted-paths.ts";
export type { PlacedJob } from "./fleet/pipeline-clock.ts";
export { type KindFleet, planKinds } from "./fleet/plan-fleet.ts";
// The jobs of a request as they come, on the pipelines of its plan.
export {
  arrivalOf,
  fleetDocument,
  fleetPlan,
  fleetSchedule,
  type PlannedFleet,
  type PlanOfFleet,
  plannedFleet,
  settingOfFleet,
} from "./fleet/planned-fleet.ts";
// When the jobs of a fleet end, from any state on.
export {
  type EndSpread,
  expectedEnds,
  type FleetNow,
  fleetFuture,
  type IterationRange,
  type PredictedEnd,
  predictEnds,
} from "./fleet/predict-ends.ts";
export { type FleetResult, FleetRun, type FleetStart, type Reports } from "./fleet/run-fleet.ts";
// An executed fleet with the decisions that were taken.
export { decidedTimes, type GrownFleet, withSameDecisions } from "./fleet/same-decisions.ts";
export { SeenPace } from "./fleet/seen-pace.ts";
export {
  type FleetActions,
  type FleetMember,
  type FleetRequest,
  inOrderOfArrival,
  modelOfFleet,
  requestOf,
  type SimulatedFleet,
  simulatedJob,
  simulateFleet,
  worksOfPlan,
} from "./fleet/simulate-fleet.ts";
export { calibrationFactors, spreadFactors, type TimeFactors, type TimeSpread } from "./fleet/time-factors.ts";
export { pacePaths, steadyPaths, type TimePaths } from "./fleet/time-paths.ts";
// Jobs of a cluster trace as LoRA jobs.
export { type TracedJob, type TraceMembers, traceMembers } from "./fleet/trace-members.ts";
// What would happen if a job came.
export {
  type ComerEffect,
  type PredictedTime,
  type WhatIfAnswer,
  type WhatIfRequest,
  whatIf,
} from "./fleet/what-if.ts";
// A plan's run on a machine that is taken away again and again.
export {
  INTERRUPTION_CAUSES,
  type InterruptedInput,
  type InterruptedRun,
  type InterruptionCause,
  type Interruptions,
  interruptedRun,
} from "./interruptions.ts";
export {
  type DrawRequest,
  drawFigures,
  drawSeed,
  intervalsOfFigures,
  intervalsOfOutlooks,
  predictedFigures,
  type SwitchedOff,
} from "./intervals.ts";
// A prediction for the machine as it was during a run.
export { atMachineSpeed } from "./machine-speed.ts";
// The wires between the devices of a cluster.
export { clusterTopology } from "./network/cluster-topology.ts";
// Collectives: what many devices do together over those wires.
export {
  type Collective,
  type CollectiveCost,
  collectiveCost,
  collectiveSeconds,
  fastestCollective,
} from "./network/collectives.ts";
// The wires of machines that are described figure by figure.
export { createTopology, linkRates, type MachineTopology, type Topology } from "./network/topology.ts";
// From a request to a plan and its prediction.
export { type ChosenPlan, type PredictedPlan, planAndPredict, predictPlan } from "./predict-plan.ts";
// A run again, with the times that it really took.
export { type ReplayOptions, replay } from "./replay.ts";
// The figures of a drawn run.
export { DeviceClock } from "./run/device-clock.ts";
export type { RunFigures } from "./run/run-figures.ts";
// What all actions of a drawn run share.
export { type SharedFactors, sharedFactors } from "./sample-times.ts";
// A plan in virtual time.
export { runStream, simulate, simulateStream } from "./simulate.ts";
// A plan in virtual time with transfers that block both sides.
export { simulateBlocking } from "./simulate-blocking.ts";
// What a simulation is given.
export type { SimulateOptions } from "./simulate-options.ts";
// Whether any link of a plan blocks.
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
