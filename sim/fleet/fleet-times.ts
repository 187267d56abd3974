import type { FleetJob, Spent } from "../../plan/index.ts";

/** How long iterations take. */
export interface FleetTimes {
  /** Nanoseconds of an iteration of each of the jobs while just these train on a pipeline together. */
  iterationNs(pipeline: number, jobs: readonly FleetJob[]): readonly number[];
  /** What an iteration of a job takes of a pipeline's devices; absent where nobody asks what jobs take. */
  readonly spentOf?: (pipeline: number, job: number) => Spent;
}
