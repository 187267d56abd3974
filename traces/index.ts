// What of an error is the machine's.
export { type AtMachineSpeed, type DeviceSlowness, machineLines } from "./at-machine-speed.ts";
// What of a run is bubble.
export { idleShare, type PipelineBusy, steadyBubble, steadyRegion } from "./bubble.ts";
// The trace's file: Chrome trace event JSON that opens in Perfetto.
export { traceDocument, traceLines } from "./chrome-trace.ts";
// Two traces of one plan, action by action.
export { type ActionError, type Comparison, compareTraces, type DeviceComparison, type KindError } from "./compare.ts";
// The comparison for a terminal.
export { compareTable } from "./compare-table.ts";
// How fast devices were, and what that makes of a time.
export { type SpeedSample, slowdown, speedBetween } from "./device-speed.ts";
// Where a prediction is expected to lie.
export { type Interval, type Intervals, intervalOf } from "./intervals.ts";
// The join under the comparison.
export { type JoinedAction, type JoinedTraces, joinTraces } from "./join.ts";
// How fast the machine of a run was.
export type { RunMachine } from "./machine.ts";
// The numbers of one run, its jobs included.
export { type JobMetrics, type RunMetrics, runMetrics } from "./metrics.ts";
// The file, read back.
export { parseTraceDocument } from "./parse-trace.ts";
// What there is of a run that did not get to its end.
export { partOfRun, planOfPart, type RunPart, traceOfPart } from "./part.ts";
// Collecting a trace while it happens.
export { createTraceRecorder, type TraceRecorder } from "./recorder.ts";
// A trace as text that a person can check.
export { gridText, type TimelineOptions, timelineText } from "./timeline-text.ts";
// What a trace says without its plan.
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
// The file's schema.
export { type TraceDocument, traceDocumentSchema } from "./trace-document.ts";
// Pipelines as a trace shows them.
export { pipelineDevices, planPipelines } from "./trace-pipelines.ts";
