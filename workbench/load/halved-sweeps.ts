import type { Context } from "../../files/index.ts";
import { areEvaluated, type HalvedSweep, halvingPlan, type SweptJob } from "../../plan/index.ts";
import type { LoadedWorkload } from "./load-workload.ts";

/** The sweeps of a workload that are halved; says of one whose jobs are too short for that. */
export function halvedSweeps(
  context: Pick<Context, "warn">,
  { workload, rows, sweeps }: Pick<LoadedWorkload, "workload" | "rows" | "sweeps">,
): readonly HalvedSweep[] {
  return sweeps.flatMap(({ name, first, points, halving }): readonly HalvedSweep[] => {
    if (halving === undefined) return [];
    const jobs = points.map((_, point) => workload.jobs[first + point]!);
    const swept = jobs.map(({ batchSize, evaluation }, point): SweptJob => {
      const iterations = rows[first + point]!.steps.length;
      return { iterations, batchSize, ...(evaluation === undefined ? {} : { everySteps: evaluation.everySteps }) };
    });
    const plan = halvingPlan(swept, halving);
    if (plan.rungs[0]?.length === 0) {
      context.warn(
        `nobody of the sweep ${name} is compared: its jobs end before they have seen ${halving.firstRows} rows`,
      );
      return [];
    }
    const by = areEvaluated(swept) ? "evaluation" : "training";
    return [{ name, jobs: jobs.map((job) => job.name), plan, by }];
  });
}
