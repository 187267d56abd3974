// What of the error of a prediction is the machine's.
export { type AtMachineSpeed, type DeviceSlowness, machineLines } from "./at-machine-speed.ts";
// How much of a run is idle, and how much of that is bubble.
export { idleShare, type PipelineBusy, steadyBubble, steadyRegion } from "./bubble.ts";
// Where the time of a run goes, and why another takes longer.
export { differenceByCause, type RunDifference, type TimePair } from "./causes/cause-difference.ts";
export { CauseSums, type CauseTime, productsOf, type RunCauses } from "./causes/cause-sums.ts";
export { type CauseKey, causeText, type IdleCause } from "./causes/causes.ts";
export {
  type ComparedWays,
  compareWays,
  mostShortening,
  type PlannedRun,
  planWay,
  type SeenWay,
  shorteningText,
  type TimeSpent,
  timeSpent,
  type WayFacts,
  wayText,
} from "./causes/compared-ways.ts";
// The chain of actions and messages that a run's end waits for.
export {
  type ChainedRun,
  chainOf,
  criticalPath,
  type PathCause,
  type PathStep,
  PathSums,
  pathCauses,
} from "./causes/critical-path.ts";
export { runCauses } from "./causes/run-causes.ts";
// The trace's file: Chrome trace event JSON that opens in Perfetto.
export { traceDocument, traceLines } from "./chrome-trace.ts";
// Two traces of one plan, action by action.
export { type ActionError, type Comparison, compareTraces, type DeviceComparison, type KindError } from "./compare.ts";
// The comparison as a table for a terminal.
export { compareTable } from "./compare-table.ts";
// How fast devices were, and what that makes of a time.
export { type SpeedSample, slowdown, speedBetween } from "./device-speed.ts";
// Where a prediction is expected to lie.
export { type Interval, type Intervals, intervalOf, OUTLOOKS, type Outlook } from "./intervals.ts";
// Two traces of one plan joined action by action, which the comparison is made of.
export { type JoinedAction, type JoinedTraces, joinTraces } from "./join.ts";
// How fast the machine of a run was.
export type { RunMachine } from "./machine.ts";
// The figures of a run and of its jobs, from its trace and its plan.
export { type JobMetrics, type RunMetrics, runMetrics } from "./metrics.ts";
// A trace read back from its file.
export { parseTraceDocument } from "./parse-trace.ts";
// What there is of a run that did not get to its end.
export { partOfRun, partOfSteps, planOfPart, type RunPart, traceOfPart } from "./part.ts";
// Collects a trace while it happens.
export { createTraceRecorder, type TraceRecorder } from "./recorder.ts";
// A trace as text that a person can check.
export { gridText, type TimelineOptions, timelineText } from "./timeline-text.ts";
// The figures of a run that follow from its trace alone.
export { type DeviceMetrics, type RunTotals, traceTotals } from "./totals.ts";
// One record of what happened, simulated or executed.
export {
  type CounterSample,
  heldTrace,
  STREAMS,
  type Stream,
  type Trace,
  type TraceEvent,
  type TraceStream,
} from "./trace.ts";
// The schema of the trace's file.
export { type TraceDocument, traceDocumentSchema } from "./trace-document.ts";
// Pipelines as a trace shows them.
export { pipelineDevices, planPipelines } from "./trace-pipelines.ts";
// What a run tells of its jobs.
export type { StoppedJob, TrainedJob } from "./trained-job.ts";
