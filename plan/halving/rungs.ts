import type { HalvingSpec } from "../documents/sweep.ts";
import type { HalvingPlan } from "./halving.ts";

/** What is known of a job of a sweep: iterations, and the rows that each of them takes. */
export interface SweptJob {
  readonly iterations: number;
  readonly batchSize: number;
}

/** When jobs of a sweep are compared, and how many of them go on. */
export interface RungRules {
  /** Rows that a job has seen at the first rung. */
  readonly firstRows: number;
  /** The next rung is after so many times as many; the best of every so many go on. */
  readonly eta: number;
}

/**
 * The iterations of each job at each rung: firstRows, firstRows * eta, ... rows, in whole iterations, before the end of
 * every job. As many for all jobs, and none where no job is so long.
 */
export function halvingRungs(jobs: readonly SweptJob[], { firstRows, eta }: RungRules): readonly (readonly number[])[] {
  const iterationsAt = ({ batchSize }: SweptJob, rung: number): number =>
    Math.max(rung + 1, Math.round((firstRows * eta ** rung) / batchSize));
  let count = 0;
  while (jobs.length > 0 && jobs.every((job) => iterationsAt(job, count) < job.iterations)) count += 1;
  return jobs.map((job) => Array.from({ length: count }, (_, rung) => iterationsAt(job, rung)));
}

/** Halving of the jobs of a sweep, as its workload asks for it. */
export function halvingPlan(jobs: readonly SweptJob[], spec: HalvingSpec): HalvingPlan {
  const { eta, over, synchronous } = spec;
  return { rungs: halvingRungs(jobs, spec), eta, over, synchronous };
}
