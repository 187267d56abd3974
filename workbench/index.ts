// Checkpoints of a run, and when they are written.

// The first commit in which a golden workload is worse.
export { bisectGolden } from "./bisect-golden.ts";
// Calibrating this machine.
export { type CalibrationSubject, calibrateDevices } from "./calibrate-devices.ts";
// Candidates simulated in threads, and the folder of an answer about machines.
export { CAPACITY_FILES, CapacityFolder } from "./capacity-folder.ts";
export { answerCapacity, searchCapacity } from "./capacity-workers.ts";
// Every file of a live fleet's folder, checked.
export { checkFleetFolder } from "./check-fleet.ts";
export { faultsOfRun } from "./check-run-folder.ts";
export { type CheckpointRhythm, DEFAULT_RHYTHM } from "./checkpoint-rhythm.ts";
// Every way in which accelerators can share the steps of a workload.
export { type ComparedLayouts, type LayoutsChoice, layoutsOf } from "./compare-layouts.ts";
// Two runs of one plan, compared.
export { compareRuns, type JobComparison } from "./compare-runs.ts";
// Where operations find files, and who is told what they chose.
export { type Context, type Place, silent } from "./context.ts";
// From a workload file to a plan.
export { createPlan, noteNominal } from "./create-plan.ts";
// How long a workload will take, in how much memory, and at what price.
export type { EstimatedFigure, EstimatedPrice, PriceChoice } from "./estimate-price.ts";
export { estimateRun, type RunEstimate } from "./estimate-run.ts";
// What this machine has, and lacks.
export { examineAddon, examineMachine, type Finding } from "./examine-machine.ts";
// Files read and written, with errors that say what was expected.
export { absolute, type FileOrDocument, HANDED_IN, isFolder, readInput, writeLines, writeOutput } from "./files.ts";
// The folder of a live fleet read back, and its twin.
// The files of the folder of jobs over time.
export { FLEET_FILES } from "./fleet-folder.ts";
// Jobs over time on this machine.
export { submissionOf } from "./fleet-work.ts";
// The hosts that ranks run on.
export { hostsOfFile, hostsOfList } from "./hosts.ts";
// Work spread over threads.
export { inWorkers } from "./in-workers.ts";
// Ctrl-C, and notices that the machine is to be taken away.
export { type Interrupt, type NoticeLimit, onInterrupt, onNotice } from "./interrupt.ts";
// Times of a GPU's kernels, and costs that follow from them.
export { kernelCalibration } from "./kernel-calibration.ts";
export { hasKernelTimes, type KernelTimes, readKernelTimes } from "./kernel-tables.ts";
export { weightsByJournal } from "./known-weights.ts";
// The command line that starts a run on several machines, and starting it.
export { LAUNCHERS, type Launch, type Launcher, type LaunchLine, launchLine, launchText } from "./launch-line.ts";
export { LiveFleet } from "./live-fleet.ts";
export type { LiveJob, LiveNotice, LiveSubmission } from "./live-job.ts";
// A question about machines, from its documents.
export { type CapacityFiles, loadCapacity } from "./load-capacity.ts";
// The devices, links and costs that a plan is for.
export {
  calibrationHash,
  type DeviceChoice,
  loadCatalog,
  loadCluster,
  noteIdleCores,
  readCalibration,
  thisMachine,
} from "./load-cluster.ts";
export { isFleetFolder, isFleetGoingOn, type LoadedFleet, loadFleetFolder, twinOfFleet } from "./load-fleet.ts";
// Golden workloads, revisions that they are run with, and what they came to before.
export { type LoadedGoldens, loadGoldens, withPolicy } from "./load-goldens.ts";
// The journal of a job scheduler.
export { loadJournal } from "./load-journal.ts";
// A run folder read back, whether its run goes on or has ended.
// A plan file, or a workload planned on the spot.
export { loadPlan, planOrWorkload, planWorkload } from "./load-plan.ts";
// A job scheduler's policy from a person's file.
export { loadPolicy } from "./load-policy.ts";
// What a workload file and what was said beside it ask for.
export { loadRequest, type RequestChoice } from "./load-request.ts";
export {
  failureOf,
  howFar,
  isFolderGoingOn,
  isGoingOn,
  type LoadedRun,
  loadRun,
  lossesByJob,
  stepsDone,
  stoppedByJournal,
} from "./load-run.ts";
// A trace from its file.
export { readTrace } from "./load-trace.ts";
// Traces with the plan and the losses that lie beside them.
export { type LoadedTraces, loadTraces } from "./load-traces.ts";
// A workload file, with its rows.
export { loadWorkload, unusedInPlans } from "./load-workload.ts";
// What of the error of a prediction is the machine's, for a run.
export { machinePart } from "./machine-part.ts";
export { type OpenedFleet, openLiveFleet } from "./open-live-fleet.ts";
// The files of the product itself.
export { packageFile } from "./package-file.ts";
// Errors at the line of the document that they are about.
export { placeInput } from "./place-input.ts";
// Predictions with intervals.
export {
  type DrawChoice,
  type IntervalChoice,
  predictIntervals,
  predictJobsIntervals,
  SAMPLES,
} from "./predict-intervals.ts";
// The processes of a run over several machines.
export { checkDevices, joinRanks, rankedHost, workOnRank } from "./ranks.ts";
export { loadBaseline, storedBaseline } from "./regress-baseline.ts";
// A run again in virtual time, with its own durations.
export { type Replayed, replayPlan, replayRun } from "./replay-run.ts";
export { findResumableFleet, type ResumableFleet } from "./resume-fleet.ts";
// Going on with a run that did not get to its end.
export {
  findResumable,
  journalOfRun,
  plansOfRun,
  type ResumableRun,
  restOfRun,
} from "./resume-run.ts";
export { builtRevision, packageRevision, repositoryOf } from "./revisions.ts";
// How the run in a folder has ended.
export { endOf, lastStart, type RunEnd } from "./run-end.ts";
// The folder of a run while it is written.
export { checkRunFolder, RUN_FILES, RunFolder, removeRun } from "./run-folder.ts";
export { type BuiltRevision, runGoldens } from "./run-goldens.ts";
// The numbers of a run, and what became of its jobs.
export { type RunSummary, runSummary, type StoppedJob, stoppedJobs, type TrainedJob } from "./run-summary.ts";
// The jobs of a workload over time.
export { simulateWorkloadFleet } from "./simulate-fleet.ts";
// A plan in virtual time without one of loratwin's ideas: graph pruning, or transfers beside computation.
export { isVariant, simulateVariant } from "./simulate-variants.ts";
// How much of a device jobs are thought to take.
export { SIZES, type Sizes } from "./sizes.ts";
export { startLaunch } from "./start-launch.ts";
// The folder of a fleet that is to begin.
export { takeFleetFolder } from "./take-fleet-folder.ts";
// Today's date, which the pure folders are handed.
export { today } from "./today.ts";
// Training a plan into a folder.
export { type FolderTraining, type TrainedRun, type TrainInput, trainInFolder } from "./train-in-folder.ts";
// What a plan is trained on.
export { loadPlanData, openPlanModel } from "./train-plan.ts";
// The version of the product.
export { VERSION } from "./version.ts";
// What would happen if a job came to the jobs of a workload.
export { type Submission, type WhatIfOfWorkload, whatIfOfWorkload } from "./what-if.ts";
