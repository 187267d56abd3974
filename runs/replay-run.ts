import { InputError } from "../core/index.ts";
import { type Context, isFolder, readInput, VERSION } from "../files/index.ts";
import { type Plan, parsePlan } from "../plan/index.ts";
import { replay } from "../sim/index.ts";
import type { Trace } from "../traces/index.ts";
import { loadTraces } from "./folder/load-traces.ts";

export interface Replayed {
  readonly plan: Plan;
  readonly executed: Trace;
  readonly replayed: Trace;
}

/** A plan with the durations of a run of it. @throws InputError where the two do not belong together. */
export function replayPlan(plan: Plan, executed: Trace): Trace {
  return replay({ plan, planHash: plan.hash, executed, versions: { ...executed.versions, loratwin: VERSION } });
}

/** A run folder replayed, as far as it got, or a plan file with a trace of a run of it. @throws InputError */
export function replayRun(context: Context, file: string, traceFile: string | undefined): Replayed {
  const replayed = (plan: Plan, executed: Trace): Replayed => ({
    plan,
    executed,
    replayed: replayPlan(plan, executed),
  });
  if (traceFile === undefined) {
    if (!isFolder(context, file))
      throw new InputError({
        expected: "a run folder, or a plan file and a trace of a run of it",
        file,
        got: "one file",
      });
    const { plan, traces } = loadTraces(context, [file]);
    return replayed(plan!, traces[0]!);
  }
  const input = readInput(context, file, "a plan file");
  return replayed(parsePlan(input.text, input.file), loadTraces(context, [traceFile]).traces[0]!);
}
