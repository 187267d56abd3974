import { sum } from "../../core/index.ts";
import {
  type CostModel,
  type FleetJob,
  type FleetWork,
  groupRows,
  type JobRequest,
  type JournalLine,
  type PlanBody,
  type PolicyFactory,
  type PolicyName,
  packGreedily,
  policyOf,
  Scheduler,
  type Setting,
  settingResources,
} from "../../plan/index.ts";
import { CohortTimes, type Pack } from "./cohort-times.ts";
import { type FleetMetrics, fleetMetrics, type JudgedJob } from "./fleet-metrics.ts";
import { type FleetOutcome, FleetRun } from "./run-fleet.ts";

/** A job of a fleet: what it trains, and what is said of it beside that. */
export interface FleetMember {
  readonly work: FleetWork;
  readonly arrival: Pick<JobRequest, "user" | "deadlineNs" | "arrivalNs">;
  /** Iterations after which it is stopped, where that is before its end; nobody knows it before. */
  readonly stops?: number;
}

export interface FleetRequest {
  readonly setting: Setting;
  readonly costs: CostModel;
  readonly members: readonly FleetMember[];
  readonly policy: PolicyName | PolicyFactory;
  /** The most jobs that train at once on a pipeline; as many as memory admits when absent. */
  readonly most?: number;
  /** How rows are packed where jobs share micro-batches. */
  readonly pack?: Pack;
}

export interface SimulatedFleet {
  /** The name of the policy. */
  readonly policy: string;
  /** In the order of arrival. */
  readonly outcomes: readonly FleetOutcome[];
  readonly metrics: FleetMetrics;
  readonly journal: readonly JournalLine[];
  /** Different sets of jobs whose times were simulated. */
  readonly numCohorts: number;
}

/** The jobs of a plan, each in a group of its own, as a fleet takes them. */
export function worksOfPlan({ jobs, groups, microBatches }: PlanBody): readonly FleetWork[] {
  const groupOf = new Map(groups.map(({ members }, group) => [members[0]!.job, group]));
  return jobs.map((job, index) => ({ job, steps: groupRows(microBatches, groupOf.get(index)!) }));
}

function requestOf({ work: { job, steps }, arrival }: FleetMember): JobRequest {
  const tokens = sum(steps.flat(2).map(([, , count]) => count)) / steps.length;
  return { ...arrival, name: job.name, priority: job.priority, iterations: job.steps, tokens };
}

/** Jobs as they come over time, on the pipelines of a setting, under a policy: iteration by iteration. */
export function simulateFleet({
  setting,
  costs,
  members,
  policy,
  most,
  pack = packGreedily,
}: FleetRequest): SimulatedFleet {
  const roomy = { ...setting, slots: "first-fit" as const };
  const inOrder = [...members].sort((a, b) => a.arrival.arrivalNs - b.arrival.arrivalNs);
  const works = inOrder.map(({ work }) => work);
  const alone = new CohortTimes(roomy, costs, works);
  const resources = settingResources({
    setting: roomy,
    works,
    ...(most === undefined ? {} : { most }),
    iterationNs: (job: FleetJob) => alone.iterationNs(0, [job])[0]!,
  });
  const jobs = inOrder.map((member) => {
    const request = requestOf(member);
    return { request, iterations: Math.min(request.iterations, member.stops ?? request.iterations) };
  });
  const journal: JournalLine[] = [];
  const chosen = typeof policy === "string" ? policyOf(policy, resources) : policy(resources);
  const isShared = chosen.sharesMicroBatches === true;
  const times = isShared ? new CohortTimes(roomy, costs, works, pack) : alone;
  const run = new FleetRun(jobs, new Scheduler(chosen, resources), {
    numPipelines: resources.numPipelines,
    times,
    isAhead: true,
    onLine: (line) => void journal.push(line),
  });
  const result = run.run();
  const judged = jobs.map(({ request }, number): JudgedJob => {
    const { leastNs, stagesNs } = times.boundAnywhere(number);
    // Where so many jobs train at once, each takes a place of so many.
    return { request, leastNs, loadsNs: most === undefined ? stagesNs : [...stagesNs, leastNs / most] };
  });
  return {
    policy: chosen.name,
    outcomes: result.outcomes,
    metrics: fleetMetrics(result, judged, isShared),
    journal,
    numCohorts: times.numCohorts,
  };
}
