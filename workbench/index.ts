// Calibrating this machine.
export { type CalibrationSubject, calibrateDevices } from "./calibrate-devices.ts";
// Where operations find files, and who hears what they chose.
export { type Context, type Place, silent } from "./context.ts";
// From a workload file to a plan.
export { createPlan, noteNominal } from "./create-plan.ts";
// Files in and out, with errors that say what was expected.
export { absolute, isFolder, readInput, writeLines, writeOutput } from "./files.ts";
// Work over threads.
export { inWorkers } from "./in-workers.ts";
// Ctrl-C.
export { type Interrupt, onInterrupt } from "./interrupt.ts";
// Devices, links and costs.
export { calibrationHash, type DeviceChoice, loadCatalog, readCalibration, thisMachine } from "./load-cluster.ts";
// A plan file, or a workload planned on the spot.
export { loadPlan, planOrWorkload, planWorkload } from "./load-plan.ts";
// What a workload file and what was said beside it ask for.
export { loadRequest, type RequestChoice } from "./load-request.ts";
// A run folder, of a run that goes on or has ended, and traces with what lies beside them.
export { howFar, isGoingOn, type LoadedRun, loadRun, lossesByJob, stepsDone } from "./load-run.ts";
export { readTrace } from "./load-trace.ts";
export { type LoadedTraces, loadTraces } from "./load-traces.ts";
export { loadWorkload } from "./load-workload.ts";
// What of an error is the machine's.
export { machinePart } from "./machine-part.ts";
// The product's own files and version.
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
// A run again in virtual time, with its own durations.
export { type Replayed, replayPlan, replayRun } from "./replay-run.ts";
// The folder of a run, while it is written.
export { checkRunFolder, RUN_FILES, RunFolder } from "./run-folder.ts";
// A simulation without one of loratwin's ideas.
export { isVariant, simulateVariant } from "./simulate-variants.ts";
// How fast this machine was in earlier runs.
export { keepSpeed } from "./speed-history.ts";
// The date.
export { today } from "./today.ts";
// Training a plan.
export { loadPlanData, openPlanModel, runVersions, trainPlan } from "./train-plan.ts";
export { VERSION } from "./version.ts";
