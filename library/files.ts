import { writeLines, writeOutput } from "../files/index.ts";
import { type Plan, planFileText } from "../plan/index.ts";
import { readTrace as readTraceFile } from "../runs/index.ts";
import { type Trace, type TraceStream, traceLines } from "../traces/index.ts";
import { loadPlan } from "../workbench/index.ts";
import { contextOf } from "./context-of.ts";
import type { Surroundings } from "./surroundings.ts";

type Place = Pick<Surroundings, "cwd">;

/** A plan from its file. @throws InputError for another file, PlanError for a plan that is not as it was made */
export function readPlan(file: string, place: Place = {}): Plan {
  return loadPlan(contextOf(place), file).plan;
}

/** Writes a plan, whole, for `readPlan` or the command line. @throws InputError, or DeviceError of a full disk */
export function writePlan(plan: Plan, file: string, place: Place = {}): void {
  writeOutput(contextOf(place), file, planFileText(plan));
}

/** A trace from its file. @throws InputError for another file */
export function readTrace(file: string, place: Place = {}): Trace {
  return readTraceFile(contextOf(place), file);
}

/** Writes a trace line by line: Chrome trace events, which Perfetto opens. @throws InputError, DeviceError of a full disk */
export function writeTrace(trace: TraceStream, file: string, place: Place = {}): void {
  writeLines(contextOf(place), file, traceLines(trace));
}
