import { type Plan, parsePlan } from "../plan/index.ts";
import { replay } from "../sim/index.ts";
import { compareTraces, type Trace } from "../traces/index.ts";
import { type Arguments, optionalText } from "./command.ts";
import { isFolder, readInput } from "./files.ts";
import type { Io } from "./io.ts";
import { loadTrace } from "./load-trace.ts";
import { percent } from "./output.ts";
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

/** What `simulate` replays: a run folder, or a plan file with --replay TRACE. @throws InputError */
export function replayRun(io: Io, args: Arguments, file: string): Replayed {
  const isRun = isFolder(io, file);
  const input = readInput(io, isRun ? `${file}/plan.json` : file, "a plan file or a run folder");
  const plan = parsePlan(input.text, input.file);
  const executed = loadTrace(io, optionalText(args, "replay") ?? file);
  return { plan, executed, replayed: replayPlan(plan, executed) };
}

/** How far the simulator alone is off, in JSON and in words. */
export function replayError({ executed, replayed }: Replayed): { readonly facts: object; readonly text: string } {
  const { makespanError, executed: whole } = compareTraces(replayed, { ...executed, source: "executed" });
  const sign = makespanError > 0 ? "+" : "";
  return {
    facts: { replay: { executedMakespanSeconds: whole.makespanSeconds, makespanError } },
    text: `replay with the executed durations: makespan ${sign}${percent(makespanError, 2)} against the run, the simulator's own error`,
  };
}
