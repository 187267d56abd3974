// Running a plan for real.

// This machine's devices.
export { type NativeInfo, nativeInfo } from "../native/index.ts";
// Adapters: their start, and PEFT's folders.
export { initialPairs } from "./adapters.ts";
export { type ExecuteInput, type ExecuteResult, executePlan } from "./execute.ts";
// Base models on disk.
export { type ModelFolder, openModelFolder } from "./model-folder.ts";
export { type AdapterPair, readPeftFolder, writePeftFolder } from "./peft.ts";
// Progress and the lines of metrics.jsonl.
export type { Progress } from "./record-completions.ts";
export { checkRows } from "./run-input.ts";
export type { StepMetrics } from "./step-metrics.ts";
