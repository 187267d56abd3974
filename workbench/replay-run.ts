import { type Plan, parsePlan } from "../plan/index.ts";
import { replay } from "../sim/index.ts";
import type { Trace } from "../traces/index.ts";
import type { Place } from "./context.ts";
import { isFolder, readInput } from "./files.ts";
import { loadTrace } from "./load-trace.ts";
import { VERSION } from "./version.ts";

export interface Replayed {
  readonly plan: Plan;
  readonly executed: Trace;
  readonly replayed: Trace;
}

/** A plan with the durations of a run of it. @throws InputError where the two do not belong together. */
export function replayPlan(plan: Plan, executed: Trace): Trace {
  return replay({ plan, planHash: plan.hash, executed, versions: { ...executed.versions, loratwin: VERSION } });
}

/** A run folder replayed, or a plan file with a trace of a run of it. @throws InputError */
export function replayRun(place: Place, file: string, traceFile: string | undefined): Replayed {
  const isRun = isFolder(place, file);
  const input = readInput(place, isRun ? `${file}/plan.json` : file, "a plan file or a run folder");
  const plan = parsePlan(input.text, input.file);
  const executed = loadTrace(place, traceFile ?? file);
  return { plan, executed, replayed: replayPlan(plan, executed) };
}
