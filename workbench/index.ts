// What the rows of a file, or of a workload's jobs, become before they are trained on.
export { type InspectedData, inspectData, LEFT_OUT, type SeenRow, type TokenRow } from "./data/inspect-data.ts";
export {
  checkWorkload,
  type InspectedJob,
  type InspectedWorkload,
  inspectWorkload,
  problemsOf,
} from "./data/inspect-workload.ts";
export type { RowFacts } from "./data/row-tally.ts";
// Work spread over threads.

// A workload from another tool's configuration.
export {
  foundTexts,
  type ImportChoice,
  type ImportedWorkload,
  importWorkload,
  OUTCOMES,
} from "./foreign/import-workload.ts";
export { FOREIGN_TOOLS, type ForeignTool, TOOL_NAMES } from "./foreign/key-rules.ts";
export { TRAINERS, type Trainer } from "./foreign/loss-lines.ts";
export { inWorkers, WorkerThreads } from "./in-workers.ts";
// From a workload file to a plan.
export { createPlan, noteNominal } from "./load/create-plan.ts";
// A run folder read back, whether its run goes on or has ended.
// Sweeps whose points are compared while they train.
export { halvedSweeps } from "./load/halved-sweeps.ts";
// The hosts that ranks run on.
export { hostsOfFile, hostsOfList } from "./load/hosts.ts";
// An error of a job that was loaded by itself.
// Keys of a job that name files.
// A question about machines, from its documents.
export { type CapacityFiles, loadCapacity } from "./load/load-capacity.ts";
// The devices, links and costs that a plan is for.
export {
  calibrationHash,
  type DeviceChoice,
  loadCatalog,
  loadCluster,
  noteIdleCores,
  readCalibration,
  thisMachine,
} from "./load/load-cluster.ts";
export { ofOnlyJob } from "./load/load-job.ts";
// A plan file, or a workload planned on the spot.
export { holdsPlan, isSearch, type LoadedPlan, loadPlan, planOrWorkload, planWorkload } from "./load/load-plan.ts";
// A job scheduler's policy from a person's file.
export { loadPolicy } from "./load/load-policy.ts";
export { type LoadedRequest, loadRequest, type RequestChoice } from "./load/load-request.ts";
// A workload file, with its rows.
export {
  type LoadedWorkload,
  listedNames,
  loadInputs,
  openWorkload,
  plannedWhole,
  unusedInPlans,
} from "./load/load-workload.ts";
// Errors at the line of the document that they are about.
export { placeInput } from "./load/place-input.ts";
// Files and folders that a job names.
export { mapJobPaths, placeJob } from "./load/place-job.ts";
// What a prompt is put into, so that it looks like those of a job's rows.
export { promptFormOf } from "./load/prompt-form.ts";
export { PromptThread } from "./load/prompt-thread.ts";
export { comparingOf, RowReader } from "./load/read-rows.ts";
export { samplePrompts } from "./load/sample-prompts.ts";
// How much of a device jobs are thought to take.
export { learnedBy, roomBy, SIZES, type Sizes } from "./load/sizes.ts";
// What a workload file and what was said beside it ask for.
export { trainingAlone } from "./load/training-alone.ts";
// Calibrating this machine.
export { type CalibrationSubject, calibrateDevices } from "./machine/calibrate-devices.ts";
// What this machine has, and lacks.
export { examineAddon, examineMachine, type Finding } from "./machine/examine-machine.ts";
// What machines tell of themselves, for later predictions.
export { FleetSpeed } from "./machine/fleet-speed.ts";
export { isOfThisMachine } from "./machine/host.ts";
// Times of a GPU's kernels, and costs that follow from them.
export { kernelCalibration } from "./machine/kernel-calibration.ts";
export { hasKernelTimes, type KernelTimes, readKernelTimes } from "./machine/kernel-tables.ts";
// Jobs of a cluster that come again until their run has ended.
export { kubernetesName, kubernetesObjects, kubernetesText, podHosts } from "./machine/kubernetes-job.ts";
// The command line that starts a run on several machines, and starting it.
export {
  type Container,
  LAUNCHERS,
  type Launch,
  type Launcher,
  type LaunchLine,
  type LineLauncher,
  launchLine,
  launchText,
  PMIS,
  type Pmi,
  quoted,
  RUNTIMES,
  type Runtime,
} from "./machine/launch-line.ts";
// What of the error of a prediction is the machine's, for a run.
export { machinePart } from "./machine/machine-part.ts";
// Which Open MPI is here.
export { versionForLine } from "./machine/mpi-version.ts";
export { keepOwnWork } from "./machine/own-work-history.ts";
// The processes of a run over several machines.
export { checkDevices, checkRanks, joinRanks, rankedHost, workOnRank } from "./machine/ranks.ts";
export { ENDING_SECONDS, type MachineShare, type RepeatedRun } from "./machine/repeated-run.ts";
export { slurmScript } from "./machine/slurm-script.ts";
export { keepSpeed } from "./machine/speed-history.ts";
export { startLaunch } from "./machine/start-launch.ts";
export { startHint } from "./machine/started-processes.ts";
// Candidates simulated in threads, and the folder of an answer about machines.
export { CAPACITY_FILES, CapacityFolder } from "./predict/capacity-folder.ts";
export { answerCapacity, searchCapacity } from "./predict/capacity-workers.ts";
// Every way in which accelerators can share the steps of a workload.
export { type ComparedLayouts, type LayoutsChoice, layoutsOf } from "./predict/compare-layouts.ts";
// How long a workload will take, in how much memory, and at what price.
export type { EstimatedFigure, EstimatedPrice, PriceChoice } from "./predict/estimate-price.ts";
export { estimateRun, type RunEstimate } from "./predict/estimate-run.ts";
// The jobs of a workload over time.
// What halving of sweeps will take.
export type { HalvingForecast } from "./predict/forecast-halving.ts";
// What it costs that the machine of a plan's run is taken away again and again.
export {
  estimatedCheckpointSeconds,
  type InterruptedChoice,
  type InterruptedPrediction,
  predictInterrupted,
  RESTART_SECONDS,
} from "./predict/interrupted-plan.ts";
// Predictions with intervals.
export {
  type DrawChoice,
  FLEET_SAMPLES,
  type IntervalChoice,
  LEVEL,
  type MachineMoves,
  movesOf,
  type ProbedState,
  predictIntervals,
  predictJobsIntervals,
  SAMPLES,
} from "./predict/predict-intervals.ts";
export { type ForecastFleet, simulateWorkloadFleet } from "./predict/simulate-fleet.ts";
// A plan in virtual time without one of loratwin's ideas: graph pruning, or transfers beside computation.
export { isVariant, simulateVariant } from "./predict/simulate-variants.ts";
// What would happen if a job came to the jobs of a workload.
export { type Submission, type WhatIfOfWorkload, whatIfOfWorkload } from "./predict/what-if.ts";
// The work of one job on the pipelines of a fleet.
export { workOfJob } from "./predict/work-of-job.ts";
// Words of a change for what it does.
export { acceptedFile, isSpent, loadAccepted, withAccepted } from "./regress/accepted-changes.ts";
// The first commit in which a golden workload is worse.
export { bisectGolden } from "./regress/bisect-golden.ts";
// Two revisions, side by side.
export { type ComparedRevisions, compareRevisions } from "./regress/compare-revisions.ts";
// Golden workloads, revisions that they are run with, and what they came to before.
export { type LoadedGoldens, loadGoldens, withPolicy } from "./regress/load-goldens.ts";
export { loadBaseline, storedBaseline } from "./regress/regress-baseline.ts";
export { packageRevision, repositoryOf } from "./regress/revisions.ts";
export { runGoldens } from "./regress/run-goldens.ts";
// An adapter as others take it, and what of it takes effect there.
export {
  type AdapterFinding,
  type CheckedAdapter,
  type ConsumerCheck,
  checkAdapter,
  effectiveText,
  takesEffect,
} from "./ship/check-adapter.ts";
export { CONSUMERS, type Consumer } from "./ship/consumers.ts";
export { EXPORT_TARGETS, type ExportedAdapter, type ExportTarget, exportAdapter } from "./ship/export-adapter.ts";
export type { TrainingFacts } from "./ship/model-card.ts";
export { GGUF_TYPES } from "./ship/quantize.ts";
// Today's date, which the pure folders are handed.
export { timeNow, today } from "./today.ts";
// A workload for data and a model, with reasons.
export { type InitChoice, type InitiatedWorkload, initWorkload } from "./write/init-workload.ts";
