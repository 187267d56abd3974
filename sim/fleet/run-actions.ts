import { InvariantError } from "../../core/index.ts";
import {
  type AskedEvent,
  actionDurations,
  type CostModel,
  type FleetEvent,
  type FleetPaging,
  FleetPlan,
  type FleetStep,
  type FleetWork,
  hasBudget,
  type JobRequest,
  type JournalLine,
  type LiveWork,
  type Scheduler,
  type Segment,
  type Setting,
  type Sharing,
  type Spent,
} from "../../plan/index.ts";
import type { DeviceClock } from "../run/device-clock.ts";
import { PlanRun } from "../run/plan-run.ts";
import type { Run } from "../run/run.ts";
import { deviceTimes } from "../run/run-plan.ts";
import { SpentByActions } from "./spent-by-actions.ts";
import { StateArrivals } from "./state-arrivals.ts";

/** Something that somebody asks for at a time. */
export interface FleetRequest {
  readonly atNs: number;
  readonly event: AskedEvent;
}

export interface ActionFleetInput {
  readonly setting: Setting;
  readonly costs: CostModel;
  readonly scheduler: Scheduler;
  /** In the order of arrival: their numbers are their places. */
  readonly jobs: readonly { readonly work: FleetWork; readonly request: JobRequest }[];
  /** In the order of their times. */
  readonly requests?: readonly FleetRequest[];
  /** Events that follow from an iteration of a job that has ended, but not its last. */
  readonly follow?: (number: number, done: number) => readonly FleetEvent[];
  /** Jobs that train together share micro-batches; every job has its own when absent. */
  readonly sharing?: Sharing | undefined;
  /** By stage, how its device's speed moves over time, in place of how devices slow each other. */
  readonly clocks?: readonly DeviceClock[] | undefined;
  /** What moving states takes; nothing where absent. */
  readonly paging?: FleetPaging | undefined;
  readonly onLine: (line: JournalLine) => void;
  readonly onSegment?: (segment: Segment) => void;
  /** What has ended since the last time; not held where nobody asks. */
  readonly onRun?: (run: Run) => void;
}

/** What has become of a fleet whose last action has ended. */
export interface EndedActions {
  readonly endNs: number;
  /** What jobs have taken of devices, by name. */
  readonly spent: ReadonlyMap<string, Spent>;
}

/** Instants after which what has ended is given away. */
const INSTANTS = 1000;

/**
 * Jobs over time, action by action: the plan grows as the executor's does, decided by the same machine (`FleetPlan`) a
 * horizon ahead of what has ended. Returns when the last action ends.
 * @throws InvariantError where jobs are left that nobody starts, and nobody paused
 */
export function runFleetActions(input: ActionFleetInput): EndedActions {
  const { setting, costs, scheduler, jobs, requests = [], sharing, clocks, paging } = input;
  const { onLine, onSegment, onRun } = input;
  const spent = new SpentByActions(setting);
  const isLimited = jobs.some(({ request }) => hasBudget(request));
  const take = (ended: Run): void => {
    spent.add(ended);
    onRun?.(ended);
  };
  const follow = (number: number, done: number): readonly FleetEvent[] => {
    if (isLimited) take(run.take());
    return [...(input.follow?.(number, done) ?? []), ...spent.due()];
  };
  const plan = new FleetPlan({ setting, costs, scheduler, sharing, follow });
  const { contention, ...times } = deviceTimes(costs);
  const slowed = clocks === undefined ? (contention === undefined ? {} : { contention }) : { clocks };
  const run = new PlanRun(setting, { links: costs, ...times, ...slowed }, true);
  const pipelineOf = new Map(setting.pipelines.map(({ firstStage }, pipeline) => [firstStage, pipeline]));
  const arrivals = new StateArrivals(run.starts);
  const follows = ({ lines, pieces }: FleetStep): void => {
    for (const line of lines) {
      spent.decided(line);
      onLine(line);
      if (paging !== undefined) arrivals.expect(paging.follow(line));
    }
    for (const { segment, newJobs } of pieces) {
      onSegment?.(segment);
      spent.append(segment);
      arrivals.append(segment, newJobs);
      run.append(segment, ({ jobs: live, groups }: LiveWork) =>
        actionDurations({ ...setting, jobs: live, groups, microBatches: segment.microBatches }, costs),
      );
    }
  };
  let [nextJob, nextRequest, instants, lastNs] = [0, 0, 0, 0];
  for (;;) {
    const arrivalNs = jobs[nextJob]?.request.arrivalNs ?? Number.POSITIVE_INFINITY;
    const requestNs = requests[nextRequest]?.atNs ?? Number.POSITIVE_INFINITY;
    const runNs = run.nextNs();
    const atNs = Math.min(arrivalNs, requestNs, runNs);
    if (atNs === Number.POSITIVE_INFINITY) break;
    run.advance(atNs);
    for (; jobs[nextJob] !== undefined && jobs[nextJob]!.request.arrivalNs <= atNs; nextJob += 1)
      plan.submit(jobs[nextJob]!.work, jobs[nextJob]!.request);
    for (; requests[nextRequest] !== undefined && requests[nextRequest]!.atNs <= atNs; nextRequest += 1) {
      const { event } = requests[nextRequest]!;
      if (plan.has(event.number)) plan.ask(event);
    }
    for (const stage of run.takePassed()) {
      lastNs = atNs;
      follows(plan.passed(pipelineOf.get(stage)!, atNs));
    }
    const idle = plan.decideIfIdle(atNs);
    if (idle !== undefined) follows(idle);
    instants += 1;
    if (instants % INSTANTS > 0) continue;
    take(run.take());
  }
  const isLeft = (number: number): boolean => plan.has(number) && scheduler.job(number).hold?.kind !== "pause";
  if (!plan.isOver && jobs.some((_, number) => isLeft(number)))
    throw new InvariantError({ expected: "a policy that trains every job", got: "jobs that wait" });
  take(run.finish());
  return { endNs: lastNs, spent: spent.spending.all() };
}
