import { sum } from "../../core/index.ts";
import {
  type CostModel,
  type FleetJob,
  type FleetOutcome,
  FleetOutcomes,
  type FleetWork,
  groupRows,
  type JobRequest,
  type JournalLine,
  type LearnedSizes,
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
import { runFleetActions } from "./run-actions.ts";
import { FleetRun, HOPELESS } from "./run-fleet.ts";

/** A job of a fleet: what it trains, and what is said of it beside that. */
export interface FleetMember {
  readonly work: FleetWork;
  readonly arrival: Pick<JobRequest, "user" | "deadlineNs" | "arrivalNs">;
  /** Iterations after which it is stopped, where that is before its end; nobody knows it before. */
  readonly stops?: number;
  /** Bytes that it really takes of each device of a pipeline, seen when its first iteration has ended. */
  readonly takes?: readonly number[];
}

export interface FleetRequest {
  readonly setting: Setting;
  readonly costs: CostModel;
  readonly members: readonly FleetMember[];
  readonly policy: PolicyName | PolicyFactory;
  /** The most jobs that train at once on a pipeline; as many as memory admits when absent. */
  readonly most?: number;
  /** How rows are packed where jobs share micro-batches, which they do iteration by iteration alone. */
  readonly pack?: Pack;
  /** Sizes of jobs are learned from what these take; they are what is planned when absent. */
  readonly learned?: LearnedSizes;
  /** Iterations when absent, whose times follow from who trains together. */
  readonly granularity?: "iterations" | "actions";
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

/** What is asked for with a job. */
export function requestOf({ work: { job, steps }, arrival }: FleetMember): JobRequest {
  const tokens = sum(steps.flat(2).map(([, , count]) => count)) / steps.length;
  return { ...arrival, name: job.name, priority: job.priority, iterations: job.steps, tokens };
}

/** Jobs as they come over time, on the pipelines of a fleet's setting (`fleetSetting`), under a policy. */
export function simulateFleet(request: FleetRequest): SimulatedFleet {
  const { setting, costs, policy, most, learned, granularity = "iterations", pack = packGreedily } = request;
  const members = [...request.members].sort((a, b) => a.arrival.arrivalNs - b.arrival.arrivalNs);
  const works = members.map(({ work }) => work);
  const alone = new CohortTimes(setting, costs, works);
  const resources = settingResources({
    setting,
    works,
    ...(most === undefined ? {} : { most }),
    ...(learned === undefined ? {} : { learned }),
    iterationNs: (job: FleetJob) => alone.iterationNs(0, [job])[0]!,
  });
  const chosen = typeof policy === "string" ? policyOf(policy, resources) : policy(resources);
  const isShared = granularity === "iterations" && chosen.sharesMicroBatches === true;
  const times = isShared ? new CohortTimes(setting, costs, works, pack) : alone;
  const scheduler = new Scheduler(chosen, resources);
  const requests = members.map(requestOf);
  const stopAfter = members.map(({ stops }, number) => Math.min(requests[number]!.iterations, stops ?? Infinity));
  const measurements = members.map(({ takes }) => (takes === undefined ? [] : [{ done: 1, bytes: takes }]));
  const journal: JournalLine[] = [];
  const outcomes = new FleetOutcomes();
  const onLine = (line: JournalLine): void => {
    journal.push(line);
    outcomes.add(line);
  };
  if (granularity === "iterations")
    new FleetRun(
      requests.map((each, number) => ({
        request: each,
        iterations: stopAfter[number]!,
        measurements: measurements[number]!,
      })),
      scheduler,
      { numPipelines: resources.numPipelines, times, isAhead: true, onLine },
    ).run();
  else
    runFleetActions({
      ...{ setting, costs, scheduler, onLine },
      jobs: works.map((work, number) => ({ work, request: requests[number]! })),
      follow: (number, done) => [
        ...measurements[number]!.flatMap(({ done: at, bytes }) =>
          at === done ? [{ kind: "measured", number, bytes } as const] : [],
        ),
        ...(done === stopAfter[number]!
          ? [{ kind: "stop", number, by: "early-stopping", why: HOPELESS } as const]
          : []),
      ],
    });
  const jobs = requests.map((each, number): JudgedJob => {
    const { leastNs, stagesNs } = times.boundAnywhere(number);
    // Where so many jobs train at once, each takes a place of so many.
    return { request: each, leastNs, loadsNs: most === undefined ? stagesNs : [...stagesNs, leastNs / most] };
  });
  const ended = { outcomes: outcomes.all(), jobs, busyNs: outcomes.busyNs(resources.numPipelines) };
  return {
    policy: chosen.name,
    outcomes: ended.outcomes,
    // The least times are of some steps of each job, as those of iterations are, and not of each single action.
    metrics: fleetMetrics({ ...ended, isBounded: granularity === "iterations" && !isShared }),
    journal,
    numCohorts: times.numCohorts,
  };
}
