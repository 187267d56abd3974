// Running a plan for real.

export { type CudaGraphs, type NativeInfo, nativeInfo } from "../native/index.ts";
// Adapters: their start, and PEFT's folders.
export { initialPairs } from "./adapters.ts";
// This machine's devices.
export { assignDevices } from "./assign-devices.ts";
export { type CalibrationRange, calibrationPlans, WARM_STEPS } from "./calibration-plans.ts";
export { type ExecuteInput, type ExecuteResult, executePlan, type RunProgress } from "./execute.ts";
export { executeProbed } from "./execute-probed.ts";
// What a device reported, and the trace of a run that was cut off.
export type { SeenCompletion } from "./executed-trace.ts";
// How fast the machine is, and what its system counts.
export { watchSystem } from "./machine-load.ts";
export { createSpeedProbe, type SpeedProbe } from "./machine-speed.ts";
// Measuring operators for calibrations.
export { type Measurements, measurePlan } from "./measure.ts";
// Base models on disk.
export { type BaseModel, type ModelFolder, openModelFolder } from "./model-folder.ts";
export { type AdapterPair, readPeftFolder, writePeftFolder } from "./peft.ts";
// Progress and the lines of metrics.jsonl.
export type { Progress } from "./record-completions.ts";
export { checkRows } from "./run-input.ts";
export { simulatedOnly } from "./simulated-only.ts";
export type { StepMetrics } from "./step-metrics.ts";
export { syntheticWeights } from "./synthetic-model.ts";
export { unfinishedTrace } from "./unfinished-trace.ts";
