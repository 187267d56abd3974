import type { FleetOutcomes, JobRequest } from "../../plan/index.ts";
import type { CohortTimes } from "./cohort-times.ts";
import { type FleetMetrics, fleetMetrics, type JudgedJob } from "./fleet-metrics.ts";

/** A fleet that has come to its end, simulated or executed, and what its jobs could have done at best. */
export interface FleetToJudge {
  readonly outcomes: FleetOutcomes;
  /** By the jobs' numbers. */
  readonly requests: readonly JobRequest[];
  readonly times: CohortTimes;
  readonly numPipelines: number;
  /** The most jobs that train at once on a pipeline; as many as memory admits when absent. */
  readonly most?: number | undefined;
  readonly isBounded: boolean;
}

/** What a fleet's outcomes come to. */
export function judgeFleet(fleet: FleetToJudge): FleetMetrics {
  const { outcomes, requests, times, numPipelines, most, isBounded } = fleet;
  const jobs = requests.map((request, number): JudgedJob => {
    const { leastNs, stagesNs } = times.boundAnywhere(number);
    // Where so many jobs train at once, each takes a place of so many.
    return { request, leastNs, loadsNs: most === undefined ? stagesNs : [...stagesNs, leastNs / most] };
  });
  return fleetMetrics({ outcomes: outcomes.all(), jobs, busyNs: outcomes.busyNs(numPipelines), isBounded });
}
