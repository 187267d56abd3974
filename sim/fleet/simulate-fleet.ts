import { sum } from "../../core/index.ts";
import {
  createCostModel,
  type FleetJob,
  type FleetWork,
  groupRows,
  type JobRequest,
  type JournalLine,
  type PlanBody,
  type PolicyName,
  policyOf,
  Scheduler,
  settingOf,
  settingResources,
} from "../../plan/index.ts";
import { CohortTimes } from "./cohort-times.ts";
import { type FleetMetrics, fleetMetrics } from "./fleet-metrics.ts";
import { type FleetOutcome, FleetRun } from "./run-fleet.ts";

/** What is said of a plan's job beside the plan. */
export type FleetArrival = Pick<JobRequest, "user" | "deadlineNs" | "arrivalNs">;

export interface FleetRequest {
  /** All jobs, each in a group of its own: its setting is the fleet's, its order of actions is not used. */
  readonly plan: PlanBody;
  /** By the plan's jobs. */
  readonly arrivals: readonly FleetArrival[];
  readonly policy: PolicyName;
  /** The most jobs that train at once on a pipeline; as many as memory admits when absent. */
  readonly most?: number;
}

export interface SimulatedFleet {
  /** In the order of arrival. */
  readonly outcomes: readonly FleetOutcome[];
  readonly metrics: FleetMetrics;
  readonly journal: readonly JournalLine[];
  /** Different sets of jobs whose times were simulated. */
  readonly numCohorts: number;
}

function requestOf({ job, steps }: FleetWork, arrival: FleetArrival): JobRequest {
  const tokens = sum(steps.flat(2).map(([, , count]) => count)) / steps.length;
  return { ...arrival, name: job.name, priority: job.priority, iterations: steps.length, tokens };
}

/** The jobs of a plan as they come over time, on its pipelines, under a policy: iteration by iteration. */
export function simulateFleet({ plan, arrivals, policy, most }: FleetRequest): SimulatedFleet {
  const setting = { ...settingOf(plan), slots: "first-fit" as const };
  const costs = createCostModel(plan.calibration, plan.model.dtype);
  const inOrder = plan.jobs
    .map((job, index) => ({ job, index, arrival: arrivals[index]! }))
    .sort((a, b) => a.arrival.arrivalNs - b.arrival.arrivalNs);
  const groupOf = new Map(plan.groups.map(({ members }, group) => [members[0]!.job, group]));
  const works = inOrder.map(
    ({ job, index }): FleetWork => ({ job, steps: groupRows(plan.microBatches, groupOf.get(index)!) }),
  );
  const times = new CohortTimes(setting, costs, works);
  const resources = settingResources({
    setting,
    works,
    ...(most === undefined ? {} : { most }),
    iterationNs: (job: FleetJob) => times.iterationNs(0, [job])[0]!,
  });
  const requests = works.map((work, i) => requestOf(work, inOrder[i]!.arrival));
  const journal: JournalLine[] = [];
  const run = new FleetRun(
    requests.map((request) => ({ request, iterations: request.iterations })),
    new Scheduler(policyOf(policy, resources), resources),
    { numPipelines: resources.numPipelines, times, onLine: (line) => void journal.push(line) },
  );
  const result = run.run();
  return {
    outcomes: result.outcomes,
    metrics: fleetMetrics(
      result,
      requests.map(({ priority }) => priority),
    ),
    journal,
    numCohorts: times.numCohorts,
  };
}
