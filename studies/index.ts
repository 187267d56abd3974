// Every way in which equal accelerators can share a training step: its time, its memory.
export { type AskedLayout, allLayouts } from "./layouts/all-layouts.ts";
export { compareLayouts, type LayoutComparison, type LayoutJob, type LayoutRow } from "./layouts/compare-layouts.ts";
export { DealtRows, type StepWork } from "./layouts/dealt-rows.ts";
// What such times assume.
export { stepAssumptions } from "./layouts/step-assumptions.ts";
export {
  layoutBytes,
  layoutSeconds,
  layoutShares,
  layoutTrust,
  tokenSeconds,
  usableBytes,
} from "./layouts/step-layout.ts";
export { type MachineChoice, type StepMachine, stepMachine } from "./layouts/step-machine.ts";
// A device of the catalog, as training steps on it are predicted.
export { acceleratorOf } from "./observations/accelerator.ts";
// What is predicted of public rows, beside what was measured.
export {
  type KernelScore,
  kernelScores,
  type PublishedRow,
  predictedPlainRows,
  predictedRates,
  predictWithoutGroup,
  publishedGroups,
  type SourceScore,
  scoreRows,
  scoreSources,
} from "./observations/accuracy.ts";
// The peak memory of devices, fitted on what was measured.
export { type DeviceMemoryFit, fitDeviceMemory, peakPrediction } from "./observations/device-memory.ts";
// The time of iterations that are split three ways, fitted on a few of them.
export {
  chooseRows,
  fitCorrected,
  fitSmooth,
  type IterationModel,
  predictIteration,
} from "./observations/fit-iterations.ts";
// The time of training steps of whole systems, fitted on what was measured.
export {
  groupPredictions,
  type StepFitSetting,
  type TrainingStep,
} from "./observations/fit-training-steps.ts";
export type { Iteration, IterationSetting } from "./observations/iteration-model.ts";
// The times of single layers, fitted by tokens.
export {
  fitLayerTimes,
  type LayerTime,
  type LayerTimeFit,
  layerTimePrediction,
} from "./observations/layer-times.ts";
// Training software without a maker's own kernels.
export { PLAIN_SOFTWARE, plainSoftware } from "./observations/plain-software.ts";
// The time of pipelines of a model whose layers were profiled.
export {
  fitPipeline,
  type LayerBytes,
  type MeasuredPlan,
  type PipelineFit,
  type ProfiledModel,
  pipelinePrediction,
  type RateOfMessage,
} from "./observations/profiled-pipeline.ts";
// What was fitted to published steps, and how far it can be trusted.
export { publishedSteps, STEP_SETTING } from "./observations/published-rows.ts";
export {
  NEWEST,
  PUBLISHED_ACTIVATIONS,
  PUBLISHED_FIT,
  publishedPredictor,
  publishedReleases,
  releaseNamed,
} from "./observations/published-steps.ts";
export {
  type PredictedStep,
  type Provenance,
  predictLeftOut,
  StepPredictor,
  type StepTrust,
} from "./observations/step-predictor.ts";
// The peak memory of such steps.
export { fitPeakFactor, type PeakMemory, peakBytes, peakMemoryPrediction } from "./observations/training-memory.ts";
export { STEP_PARTS, type StepShares, trainingStepSeconds } from "./observations/training-step.ts";
export type { Accelerator, ProductPrecision, TrainingSystem } from "./observations/training-system.ts";
// The GPUs of the paper's evaluation, as they were calibrated.
export { FOUND_ERROR as PAPER_ERROR, foundPlatform as paperPlatform } from "./paper/calibrate-paper.ts";
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
// What planner and simulator take themselves.
export { compareEffort, type Effort, leastEffort } from "./regress/budget.ts";
// Golden workloads that both revisions train.
export {
  type AdapterDifferences,
  compareExecuted,
  type ExecutedRun,
  type ExecutedSide,
  turnsText,
} from "./regress/compare-executed.ts";
// What a change of planner, scheduler or simulator does to golden workloads.
export {
  type ComparedFigure,
  type ComparedGolden,
  compareGolden,
  isBlocking,
  isMoved,
  VERDICTS,
  type Verdict,
} from "./regress/compare-goldens.ts";
export { FIGURES, type Figure } from "./regress/figures.ts";
export {
  emptyRun,
  type GoldenRun,
  type MemorySample,
  type PlanSummary,
  type RunSummary,
  type SeenAction,
} from "./regress/golden-run.ts";
export type { AskedJob, AskedMachines, AskedSweep, AskedWork } from "./regress/invariants/asked.ts";
// A policy beside another one.
export { type MovedPolicy, type PolicyVerdict, weighMovedPolicies, weighPolicies } from "./regress/pareto.ts";
// A golden workload as it came out once.
export { type SeenGolden, seenGolden } from "./regress/seen-golden.ts";
// Predictions scored against measurements.
export { leaveOneOut, type Prediction, relativeError, type Score, scoreOf } from "./score.ts";
// All ways to train the same jobs on the same devices, in one table.
export {
  compareStrategies,
  differenceOfRows,
  STRATEGY_NAMES,
  type StrategyName,
  type StrategyRow,
} from "./strategies/compare-strategies.ts";
// The ways that are not planned, as runs of the jobs of a request.
export { comparedRequest, comparisonRun } from "./strategies/comparison-run.ts";
// Their names.
export { COMPARISON_SCHEDULES, type ComparisonSchedule } from "./strategies/comparison-schedules.ts";
// A device's parameters from rates that somebody saw.
export {
  fitObservations,
  type Observation,
  type ObservationFit,
  type ObservedParameter,
} from "./strategies/fit-observations.ts";
// What messages and collectives cost there: fixed, or by a topology.
export { fixedInterconnect, topologyInterconnect } from "./strategies/interconnect.ts";
// Such a run as a trace.
export { type JobsTrace, jobsTrace } from "./strategies/jobs-trace.ts";
// What the time of such a run goes to, and its critical path.
export { jobsWay } from "./strategies/jobs-way.ts";
// A request whose calibration is of shares of the peak, which observations say something of.
export type { ObservedRequest } from "./strategies/observed-rate.ts";
// The devices, their figures and links that such a run is on.
export type { Platform } from "./strategies/platform.ts";
// Such a run simulated, drawn with errors, and what it needs of each device's memory.
export {
  drawJobs,
  type JobsRun,
  jobsNeeds,
  requireJobs,
  type SimulatedJobs,
  simulateJobs,
} from "./strategies/simulate-jobs.ts";
