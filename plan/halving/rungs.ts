import type { HalvingSpec } from "../documents/sweep.ts";
import type { HalvingPlan } from "./halving.ts";

/** What is known of a job of a sweep: iterations, and the rows that each of them takes. */
export interface SweptJob {
  readonly iterations: number;
  readonly batchSize: number;
  /** Iterations after which it is evaluated each time; absent where it is not. */
  readonly everySteps?: number;
}

/** When jobs of a sweep are compared, and how many of them go on. */
export interface RungRules {
  /** Rows that a job has seen at the first rung. */
  readonly firstRows: number;
  /** The next rung is after so many times as many; the best of every so many go on. */
  readonly eta: number;
}

/**
 * The iterations of each job at each rung: firstRows, firstRows * eta, ... rows, in whole iterations, of a job that is
 * evaluated those after which it is, before the end of every job. As many for all jobs, and none where no job is so long.
 */
export function halvingRungs(jobs: readonly SweptJob[], { firstRows, eta }: RungRules): readonly (readonly number[])[] {
  const iterationsAt = ({ batchSize, everySteps = 1 }: SweptJob, rung: number): number =>
    everySteps * Math.max(rung + 1, Math.round((firstRows * eta ** rung) / (batchSize * everySteps)));
  let count = 0;
  while (jobs.length > 0 && jobs.every((job) => iterationsAt(job, count) < job.iterations)) count += 1;
  return jobs.map((job) => Array.from({ length: count }, (_, rung) => iterationsAt(job, rung)));
}

/** Whether jobs are compared by their evaluations: where all have some. */
export function areEvaluated(jobs: readonly SweptJob[]): boolean {
  return jobs.every(({ everySteps }) => everySteps !== undefined);
}

/** Halving of the jobs of a sweep, as its workload asks for it. One evaluation counts where there are any. */
export function halvingPlan(jobs: readonly SweptJob[], spec: HalvingSpec): HalvingPlan {
  const { eta, keep, over, synchronous } = spec;
  return { rungs: halvingRungs(jobs, spec), eta, keep, over: areEvaluated(jobs) ? 1 : over, synchronous };
}
