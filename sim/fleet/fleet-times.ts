import type { FleetJob } from "../../plan/index.ts";

/** How long iterations take. */
export interface FleetTimes {
  /** Nanoseconds of an iteration of each of the jobs while just these train on a pipeline together. */
  iterationNs(pipeline: number, jobs: readonly FleetJob[]): readonly number[];
}
