import type { FleetHistory } from "../../plan/index.ts";
import { type FleetMetrics, fleetMetrics } from "./fleet-metrics.ts";

/** Of a fleet as its journal has it, simulated or not; jobs that go on still count as little as those refused. */
export function historyMetrics({ jobs }: FleetHistory): FleetMetrics {
  const makespanNs = jobs.reduce((last, { endNs = 0 }) => Math.max(last, endNs), 0);
  const priorities = jobs.map(({ request }) => request.priority);
  return fleetMetrics({ outcomes: jobs, makespanNs }, priorities);
}
