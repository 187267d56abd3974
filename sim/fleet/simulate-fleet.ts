import { sum } from "../../core/index.ts";
import {
  type FleetOutcome,
  FleetOutcomes,
  type FleetWork,
  groupRows,
  type JobRequest,
  type JournalLine,
  type Objective,
  type PlanBody,
  type PolicyName,
  Scheduler,
} from "../../plan/index.ts";
import { type FleetMetrics, fleetMetrics } from "./fleet-metrics.ts";
import { type FleetSetting, fleetModel } from "./fleet-model.ts";
import type { SimulatedJob } from "./fleet-state.ts";
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

export interface FleetRequest extends Omit<FleetSetting, "works"> {
  readonly members: readonly FleetMember[];
  readonly policy: PolicyName;
  /** For `twin`. */
  readonly objective?: Objective;
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

/** What a fleet is simulated with of a job. */
export function simulatedJob(member: FleetMember): SimulatedJob {
  const request = requestOf(member);
  return {
    request,
    iterations: Math.min(request.iterations, member.stops ?? request.iterations),
    measurements: member.takes === undefined ? [] : [{ done: 1, bytes: member.takes }],
  };
}

/** Members in the order in which they come: their places are their numbers. */
export function inOrderOfArrival(members: readonly FleetMember[]): readonly FleetMember[] {
  return [...members].sort((a, b) => a.arrival.arrivalNs - b.arrival.arrivalNs);
}

/** Jobs as they come over time, on the pipelines of a fleet's setting (`fleetSetting`), under a policy. */
export function simulateFleet(request: FleetRequest): SimulatedFleet {
  const { policy, objective, granularity = "iterations" } = request;
  const members = inOrderOfArrival(request.members);
  const works = members.map(({ work }) => work);
  const { machines, times, policyOf } = fleetModel({ ...request, works });
  const { resources, isAhead } = machines;
  const scheduler = new Scheduler(policyOf(policy, objective), resources);
  const jobs = members.map(simulatedJob);
  const journal: JournalLine[] = [];
  const outcomes = new FleetOutcomes();
  const onLine = (line: JournalLine): void => {
    journal.push(line);
    outcomes.add(line);
  };
  if (granularity === "iterations")
    new FleetRun(jobs, scheduler, { numPipelines: resources.numPipelines, times, isAhead, onLine }).run();
  else
    runFleetActions({
      ...{ setting: request.setting, costs: request.costs, scheduler, onLine },
      jobs: works.map((work, number) => ({ work, request: jobs[number]!.request })),
      follow(number, done) {
        const { measurements = [], iterations } = jobs[number]!;
        const seen = measurements.filter((each) => each.done === done);
        return [
          ...seen.map(({ bytes }) => ({ kind: "measured", number, bytes }) as const),
          ...(done === iterations ? [{ kind: "stop", number, by: "early-stopping", why: HOPELESS } as const] : []),
        ];
      },
    });
  const all = outcomes.all();
  const makespanNs = all.reduce((most, { endNs = 0 }) => Math.max(most, endNs), 0);
  const priorities = jobs.map((job) => job.request.priority);
  return {
    outcomes: all,
    metrics: fleetMetrics({ outcomes: all, makespanNs }, priorities),
    journal,
    numCohorts: times.numCohorts,
  };
}
