import {
  type FleetOutcome,
  FleetOutcomes,
  FleetPaging,
  type FleetWork,
  groupEvaluations,
  groupRows,
  type JobRequest,
  type JournalLine,
  measurementOf,
  type Objective,
  type PlanBody,
  type PolicyFactory,
  type PolicyName,
  Scheduler,
  type Segment,
  type Spent,
  type StateBytes,
  workFacts,
} from "../../plan/index.ts";
import { joinRuns, type Run } from "../run/run.ts";
import type { FleetMetrics } from "./fleet-metrics.ts";
import { type FleetModel, type FleetSetting, fleetModel } from "./fleet-model.ts";
import type { SimulatedJob } from "./fleet-state.ts";
import { judgeFleet } from "./judge-fleet.ts";
import { runFleetActions } from "./run-actions.ts";
import { FleetRun, type Reports, simulatedStop } from "./run-fleet.ts";

/** A job of a fleet: what it trains, and what is said of it beside that. */
export interface FleetMember {
  readonly work: FleetWork;
  readonly arrival: Pick<JobRequest, "user" | "deadlineNs" | "arrivalNs" | "maxCost" | "userMaxCost">;
  /** Iterations after which it is stopped, where that is before its end; nobody knows it before. */
  readonly stops?: number;
  /** Who stops it then; early stopping where absent. */
  readonly stoppedBy?: "halving";
  /**
   * Bytes that it really takes of each device of a pipeline, seen when its first iteration has ended; where sizes are
   * learned and nobody says, what is predicted.
   */
  readonly takes?: readonly number[];
}

export interface FleetRequest extends Omit<FleetSetting, "works"> {
  readonly members: readonly FleetMember[];
  readonly policy: PolicyName | PolicyFactory;
  /** For `twin`. */
  readonly objective?: Objective;
  /** Of the same jobs (`modelOfFleet`), where some are simulated several times. */
  readonly model?: FleetModel;
  /** As `FleetRun` has it. */
  readonly reports?: Reports;
  /** Iterations when absent, whose times follow from who trains together. */
  readonly granularity?: "iterations" | "actions";
}

/** A fleet action by action: the pieces that its plan grew by, and what ran when. */
export interface FleetActions {
  readonly segments: readonly Segment[];
  readonly run: Run;
}

export interface SimulatedFleet {
  /** The name of the policy. */
  readonly policy: string;
  /** In the order of arrival. */
  readonly outcomes: readonly FleetOutcome[];
  readonly metrics: FleetMetrics;
  readonly journal: readonly JournalLine[];
  /** The most bytes of states of jobs on no device, in memory and on disk. */
  readonly mostStates: StateBytes;
  /** What jobs have taken of devices, by name. */
  readonly spent: ReadonlyMap<string, Spent>;
  /** Different sets of jobs whose times were simulated. */
  readonly numCohorts: number;
  /** Where it was simulated by actions. */
  readonly actions?: FleetActions;
}

/** The jobs of a plan, each in a group of its own, as a fleet takes them. */
export function worksOfPlan({ jobs, groups, microBatches }: PlanBody): readonly FleetWork[] {
  const groupOf = new Map(groups.map(({ members }, group) => [members[0]!.job, group]));
  return jobs.map((job, index) => {
    const steps = groupRows(microBatches, groupOf.get(index)!);
    // An entry for each step, where the plan's list has holes.
    const evaluations = Array.from(groupEvaluations(microBatches, groupOf.get(index)!));
    return evaluations.length === 0 ? { job, steps } : { job, steps, evaluations };
  });
}

/** What is asked for with a job. */
export function requestOf({ work, arrival }: FleetMember): JobRequest {
  const { job } = work;
  const { stepTokens: tokens } = workFacts(work);
  return { ...arrival, name: job.name, priority: job.priority, iterations: job.steps, tokens };
}

/** What a fleet is simulated with of a job. */
export function simulatedJob(member: FleetMember): SimulatedJob {
  const request = requestOf(member);
  return {
    request,
    iterations: Math.min(request.iterations, member.stops ?? request.iterations),
    ...(member.stoppedBy === undefined ? {} : { stoppedBy: member.stoppedBy }),
    ...(member.takes === undefined ? {} : { measurements: [{ done: 1, bytes: member.takes }] }),
  };
}

/** Members in the order in which they come: their places are their numbers. */
export function inOrderOfArrival(members: readonly FleetMember[]): readonly FleetMember[] {
  return [...members].sort((a, b) => a.arrival.arrivalNs - b.arrival.arrivalNs);
}

/** What the jobs of a request are simulated with. */
export function modelOfFleet(request: Omit<FleetRequest, "policy">): FleetModel {
  return fleetModel({ ...request, works: inOrderOfArrival(request.members).map(({ work }) => work) });
}

/** Jobs as they come over time, on the pipelines of a fleet's setting (`fleetSetting`), under a policy. */
export function simulateFleet(request: FleetRequest): SimulatedFleet {
  const { setting, costs, most, reports, granularity = "iterations" } = request;
  const members = inOrderOfArrival(request.members);
  const works = members.map(({ work }) => work);
  const { resources, policyOf, timesOf } = request.model ?? fleetModel({ ...request, works });
  const policy = policyOf(request.policy, request.objective);
  const times = timesOf(policy);
  const scheduler = new Scheduler(policy, resources);
  const simulated = members.map(simulatedJob);
  const journal: JournalLine[] = [];
  const outcomes = new FleetOutcomes();
  const paging = new FleetPaging(setting, works, () => scheduler.coming());
  const runIterations = () =>
    new FleetRun(simulated, scheduler, {
      numPipelines: resources.numPipelines,
      times,
      isAhead: true,
      ...(reports === undefined ? {} : { reports }),
      onLine: (line) => void journal.push(line),
      outcomes,
      paging,
    }).run();
  const runActions = () => {
    const segments: Segment[] = [];
    const pieces: Run[] = [];
    const { spent } = runFleetActions({
      ...{ setting, costs, scheduler, paging, sharing: times.sharing },
      onSegment: (segment) => void segments.push(segment),
      onRun: (piece) => void pieces.push(piece),
      onLine(line) {
        journal.push(line);
        outcomes.add(line);
      },
      jobs: works.map((work, number) => ({ work, request: simulated[number]!.request })),
      follow(number, done) {
        const truth = simulated[number]!;
        const { measurements, iterations } = truth;
        const seen = measurements?.filter((each) => each.done === done);
        return [
          ...(seen?.map(({ bytes }) => ({ kind: "measured", number, bytes }) as const) ??
            measurementOf(scheduler, number)),
          ...(done === iterations ? [simulatedStop(number, truth)] : []),
        ];
      },
    });
    return { spent, actions: { segments, run: joinRuns(pieces) } };
  };
  const { spent, ...more } = granularity === "iterations" ? { spent: runIterations().spent } : runActions();
  return {
    policy: policy.name,
    outcomes: outcomes.all(),
    metrics: judgeFleet({
      ...{ outcomes, times, most, numPipelines: resources.numPipelines },
      requests: simulated.map((each) => each.request),
      // The least times are of some steps of each job, as those of iterations are, and not of each single action.
      isBounded: granularity === "iterations",
    }),
    ...{ journal, spent, mostStates: paging.peak },
    numCohorts: times.numCohorts,
    ...more,
  };
}
