import { type ComparisonSchedule, comparisonRun, type JobsRun, requireJobs } from "../studies/index.ts";
import { loadRequest, trainingAlone } from "../workbench/index.ts";
import { type Arguments, flag } from "./command.ts";
import type { Io } from "./io.ts";
import { contextOf, recomputeChoice, requestChoice } from "./request-options.ts";

type ComparisonChoice = Parameters<typeof comparisonRun>[1];

/** A workload's jobs with a schedule that is simulated only, by `COMPARISON_OPTIONS`. @throws InputError, PlanError */
export async function loadComparison(
  io: Io,
  args: Arguments,
  file: string,
  schedule: ComparisonSchedule,
  more: Pick<ComparisonChoice, "accumulate" | "prefetch"> = {},
): Promise<JobsRun> {
  const context = contextOf(io, args);
  const loaded = await loadRequest(context, file, requestChoice(args, recomputeChoice(args)));
  const request = trainingAlone(context, loaded.request);
  try {
    const run = comparisonRun(request, { schedule, full: flag(args, "full"), overlap: flag(args, "overlap"), ...more });
    requireJobs(run);
    return run;
  } catch (error) {
    throw loaded.placed(error);
  }
}
