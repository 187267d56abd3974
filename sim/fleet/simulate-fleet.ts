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
  type PolicyName,
  policyOf,
  Scheduler,
  type Setting,
  settingResources,
} from "../../plan/index.ts";
import { CohortTimes } from "./cohort-times.ts";
import { type FleetMetrics, fleetMetrics } from "./fleet-metrics.ts";
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
  readonly policy: PolicyName;
  /** The most jobs that train at once on a pipeline; as many as memory admits when absent. */
  readonly most?: number;
  /** Sizes of jobs are learned from what these take; they are what is planned when absent. */
  readonly learned?: LearnedSizes;
  /** Iterations when absent, whose times follow from who trains together. */
  readonly granularity?: "iterations" | "actions";
}

export interface SimulatedFleet {
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
  const { setting, costs, policy, most, learned, granularity = "iterations" } = request;
  const members = [...request.members].sort((a, b) => a.arrival.arrivalNs - b.arrival.arrivalNs);
  const works = members.map(({ work }) => work);
  const times = new CohortTimes(setting, costs, works);
  const resources = settingResources({
    setting,
    works,
    ...(most === undefined ? {} : { most }),
    ...(learned === undefined ? {} : { learned }),
    iterationNs: (job: FleetJob) => times.iterationNs(0, [job])[0]!,
  });
  const scheduler = new Scheduler(policyOf(policy, resources), resources);
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
  const all = outcomes.all();
  const makespanNs = all.reduce((most, { endNs = 0 }) => Math.max(most, endNs), 0);
  return {
    outcomes: all,
    metrics: fleetMetrics(
      { outcomes: all, makespanNs },
      requests.map(({ priority }) => priority),
    ),
    journal,
    numCohorts: times.numCohorts,
  };
}
