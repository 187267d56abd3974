// What can go wrong: errors say what was expected, where, and what was there instead (`facts`).
export { DeviceError, type ErrorFacts, InputError, InvariantError, PlanError } from "../core/index.ts";
// The documents that functions take as objects; docs/reference/documents.md has them key by key.
export type {
  CalibrationDocument,
  CatalogDocument,
  ClusterDocument,
  Plan,
  PricesDocument,
  WorkloadDocument,
} from "../plan/index.ts";
// What functions give.
export type {
  Comparison,
  Interval,
  Intervals,
  JobMetrics,
  RunMetrics,
  Trace,
  TraceEvent,
  TraceStream,
  TrainedJob as RunJob,
} from "../traces/index.ts";
// A simulated and an executed trace, action by action.
export { compare } from "./compare.ts";
// Time, memory and price of a workload before it is trained.
export { type Estimate, type EstimateOptions, estimate, type Figure } from "./estimate.ts";
// Plans and traces in files.
export { readPlan, readTrace, writePlan, writeTrace } from "./files.ts";
// A base model of random numbers, to try things out.
export { initModel, type ModelShape } from "./init-model.ts";
// From a workload to a plan.
export { plan } from "./plan.ts";
export type { PlanOptions } from "./plan-options.ts";
// A plan in virtual time.
export { type Draws, type SimulateOptions, type Simulation, simulate } from "./simulate.ts";
// What every function takes.
export type { Surroundings } from "./surroundings.ts";
export {
  type Evaluation,
  type PreferenceMeasures,
  type Progress,
  type RunOptions,
  type RunResult,
  resume,
  type SampleAnswer,
  type Step,
  type TrainOptions,
  train,
} from "./train.ts";
