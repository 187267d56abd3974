import type { FleetHistory } from "../../plan/index.ts";
import { type FleetMetrics, fleetMetrics } from "./fleet-metrics.ts";

/** Of a fleet as its journal has it, simulated or not; jobs that go on still count as those that were refused. */
export function historyMetrics({ jobs, numLines }: FleetHistory): FleetMetrics {
  const outcomes = jobs.map((job) => ({
    ...job,
    name: job.request.name,
    arrivalNs: job.request.arrivalNs,
    refused: job.outcome === "refused",
  }));
  const makespanNs = jobs.reduce((last, job) => Math.max(last, job.endNs ?? 0), 0);
  const priorities = jobs.map(({ request }) => request.priority);
  return fleetMetrics({ outcomes, makespanNs, numTriggers: numLines }, priorities);
}
