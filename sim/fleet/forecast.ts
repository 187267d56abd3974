import {
  type FleetJob,
  type Forecaster,
  predictedLeft,
  type Resources,
  Scheduler,
  type SchedulerState,
} from "../../plan/index.ts";
import type { FleetState } from "./fleet-state.ts";
import type { FleetTimes } from "./fleet-times.ts";
import type { PlacedJob } from "./pipeline-clock.ts";
import { endsOf, FleetRun } from "./run-fleet.ts";

export interface FleetMachines {
  readonly resources: Resources;
  readonly times: FleetTimes;
  /** Whether a job's next iteration has begun when one ends. */
  readonly isAhead: boolean;
}

/** Of an iteration that is under way, where nobody says how far it is. */
const HALF = 0.5;

/** The fleet as a scheduler knows it while it decides. */
function stateOf(scheduler: SchedulerState): FleetState {
  const between = new Set(scheduler.between);
  const placed = scheduler.jobs.flatMap(({ number, done, pipeline }): PlacedJob[] =>
    pipeline === undefined ? [] : [{ number, done, left: between.has(number) ? 1 : HALF }],
  );
  const doneOf = new Map(scheduler.jobs.map(({ number, done }) => [number, done]));
  return {
    atNs: scheduler.nowNs,
    scheduler,
    placed,
    past: [],
    // Who has ended an iteration can still leave.
    pending: scheduler.between.map((number) => ({
      kind: "progress",
      number,
      done: doneOf.get(number)!,
      between: true,
    })),
    numJobs: 0,
  };
}

/** When jobs end that are left after a simulation: the shortest first, on all pipelines as if they were one. */
function restEnds(state: FleetState, resources: Resources): readonly (readonly [number, number])[] {
  const doneOf = new Map(state.placed.map(({ number, done }) => [number, done]));
  const leftNs = (job: FleetJob): number =>
    predictedLeft({ ...job, done: doneOf.get(job.number) ?? job.done }) * resources.iterationNs(job);
  const left = state.scheduler.jobs
    .filter(({ hold }) => hold === undefined)
    .map(({ number, ...job }) => ({ number, ns: leftNs({ ...job, number }) }))
    .sort((a, b) => a.ns - b.ns || a.number - b.number);
  let atNs = state.atNs;
  return left.map(({ number, ns }) => {
    atNs += ns / resources.numPipelines;
    return [number, atNs];
  });
}

/** What a fleet would do under any policy, from what its scheduler knows. */
export function fleetForecaster({ times, isAhead }: Omit<FleetMachines, "resources">): Forecaster {
  return ({ state, resources }, policy, triggers) => {
    const run = new FleetRun([], new Scheduler(policy, resources, state), {
      numPipelines: resources.numPipelines,
      times,
      isAhead,
      from: { state: stateOf(state), decidesAtOnce: true },
    });
    const isCut = run.advance({ triggers });
    const ends = endsOf(run.result());
    return isCut ? new Map([...ends, ...restEnds(run.cut().state, resources)]) : ends;
  };
}
