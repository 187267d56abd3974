// Every file of a run's folder, checked; and how the run has ended.
export { checkRun } from "./check/check-run.ts";
// Two runs of one plan, compared.
export { compareRuns, type JobComparison } from "./check/compare-runs.ts";
export { endOf, type RunEnd } from "./check/run-end.ts";
// When checkpoints are written, and on which weights a run was trained.
export { type CheckpointRhythm, DEFAULT_RHYTHM } from "./checkpoints/checkpoint-rhythm.ts";
// The names of a run's checkpoints, and what one has of its jobs.
export { checkSavedFile, readManifest } from "./checkpoints/find-checkpoint.ts";
export { checkpointNames } from "./checkpoints/write-checkpoint.ts";
// A live fleet beside what the simulator makes of it, with its decisions and with those of its own.
export { compareFleet } from "./folder/compare-fleet.ts";
// Folders of runs: written, read back, and how far they are.
export { readTrace } from "./folder/load-trace.ts";
export { loadTraces } from "./folder/load-traces.ts";
export { type MeasuredInterruptions, measuredInterruptions } from "./folder/measured-interruptions.ts";
export {
  failureOf,
  isGoingOn,
  journalOfRun,
  lastStart,
  loadJournal,
  modelByJournal,
  stoppedByJournal,
  weightsByJournal,
} from "./folder/read-journal.ts";
export {
  howFar,
  lossesByJob,
  type RunOfFleet,
  type RunOfPlan,
  readComers,
  readPlanOfRun,
  readRun,
  readSettingOfRun,
  stepsDone,
} from "./folder/read-run.ts";
export { RUN_FILES, RUN_WORDS, runKindOf } from "./folder/run-files.ts";
export { checkRunFolder, type RunFolder, removeRun } from "./folder/run-folder.ts";
export { runSummary, stoppedJobs } from "./folder/run-summary.ts";
// What was answered to prompts.
export type { SampleLine } from "./folder/sample-lines.ts";
// What jobs of a run have taken of devices.
export { spentOf } from "./folder/spent-so-far.ts";
export { takeFleetFolder } from "./folder/take-fleet-folder.ts";
export { trainingFacts } from "./folder/training-facts.ts";
export { twinOfFleet } from "./folder/twin-of-fleet.ts";
// Weights as jobs have left them.
export { checkWritten } from "./folder/written-weights.ts";
// Ctrl-C, and notices that the machine is to be taken away.
export { type NoticeLimit, onInterrupt, onNotice } from "./interrupt.ts";
// Jobs over time on this machine.
export { submissionOf } from "./live/fleet-work.ts";
export type { LiveFleet } from "./live/live-fleet.ts";
export type { LiveJob, LiveNotice, LiveSubmission } from "./live/live-job.ts";
export { type OpenedFleet, openLiveFleet } from "./live/open-live-fleet.ts";
// What is written for TensorBoard.
export { checkEventFolder } from "./loggers/event-file.ts";
export type { TensorBoardOptions } from "./loggers/tensorboard.ts";
// Which jobs of a run are the best by their evaluations.
export { type RunRanking, rankRun } from "./rank-run.ts";
// A run again in virtual time, with its own durations.
export { type Replayed, replayPlan, replayRun } from "./replay-run.ts";
// Going on with a run that did not get to its end.
export { findResumable } from "./resume/find-resumable.ts";
export type { ResumableFleet } from "./resume/resume-fleet.ts";
export { plansOfRun, type ResumablePlan, restOfRun } from "./resume/resume-plan.ts";
// Training a plan into a folder.
export { type TrainedRun, type TrainInput, trainInFolder } from "./train-in-folder.ts";
export { loadPlanData, openPlanModel } from "./train-plan.ts";
