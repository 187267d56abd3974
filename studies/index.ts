// Pipelines of a profiled model: time and peak memory.
export { type DeviceMemoryFit, fitDeviceMemory, peakPrediction } from "./observations/device-memory.ts";
export {
  chooseRows,
  fitCorrected,
  fitSmooth,
  type IterationModel,
  predictIteration,
} from "./observations/fit-iterations.ts";
export type { Iteration, IterationSetting } from "./observations/iteration-model.ts";
// Times of single layers.
export {
  fitLayerTimes,
  type LayerTime,
  type LayerTimeFit,
  layerTimePrediction,
} from "./observations/layer-times.ts";
export {
  fitPipeline,
  type LayerBytes,
  type MeasuredPlan,
  type PipelineFit,
  type ProfiledModel,
  pipelinePrediction,
  type RateOfMessage,
} from "./observations/profiled-pipeline.ts";
// The paper's evaluation, published and predicted.
export {
  type AssumedVariation,
  type PaperRow,
  type PaperTable,
  paperTable,
  VARIATIONS,
  type Variation,
  varyAssumption,
} from "./paper/paper-table.ts";
// Predictions against measurements.
export { leaveOneOut, type Prediction, relativeError, type Score, scoreOf } from "./score.ts";
// Ways to train the same jobs on the same devices.
export {
  compareStrategies,
  STRATEGY_NAMES,
  type StrategyName,
  type StrategyRow,
} from "./strategies/compare-strategies.ts";
// Those that are not planned, as runs of real jobs with their traces.
export { comparedRequest, comparisonRun } from "./strategies/comparison-run.ts";
export { COMPARISON_SCHEDULES, type ComparisonSchedule } from "./strategies/comparison-schedules.ts";
// A device's parameters from rates that somebody saw.
export {
  fitObservations,
  type Observation,
  type ObservationFit,
  type ObservedParameter,
} from "./strategies/fit-observations.ts";
export { fixedInterconnect, topologyInterconnect } from "./strategies/interconnect.ts";
export { jobsTrace } from "./strategies/jobs-trace.ts";
export type { ObservedRequest } from "./strategies/observed-rate.ts";
export type { Platform } from "./strategies/platform.ts";
export { drawJobs, type JobsRun, jobsNeeds, requireJobs, simulateJobs } from "./strategies/simulate-jobs.ts";
