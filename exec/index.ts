// What the addon and this machine have.
export { type CudaGraphs, type NativeInfo, nativeInfo } from "../native/index.ts";
// The start of an adapter.
export { type AdapterState, initialPairs } from "./adapters.ts";
// This machine's devices.
export { assignDevices } from "./assign-devices.ts";
// Running a plan for real.
export { executePlan } from "./execute.ts";
// The same with a look at how fast the machine is.
export { executeProbed } from "./execute-probed.ts";
// What a device reported.
export type { SeenCompletion } from "./executed-trace.ts";
// What a run is given, and what it gives.
export type { ExecuteInput, ExecuteResult, RunProgress } from "./execution.ts";
// What the system counts meanwhile.
export { watchSystem } from "./machine-load.ts";
// Probes of products and memory.
export { createSpeedProbe, type SpeedProbe } from "./machine-speed.ts";
// Measuring operators for calibrations.
export { type Measurements, measurePlan } from "./measure.ts";
// Base models on disk.
export { type BaseModel, type ModelFolder, openModelFolder } from "./model-folder.ts";
// PEFT's folders.
export { type AdapterPair, readPeftFolder, writePeftFolder } from "./peft.ts";
// How far a run is.
export type { Progress } from "./record-completions.ts";
// Whether data are those of the plan.
export { checkRows } from "./run-input.ts";
// What of a plan only the simulator looks at.
export { simulatedOnly } from "./simulated-only.ts";
// A line of metrics.jsonl.
export type { StepMetrics } from "./step-metrics.ts";
// A base model of random numbers.
export { syntheticWeights } from "./synthetic-model.ts";
// The trace of a run that was cut off.
export { unfinishedTrace } from "./unfinished-trace.ts";
