import { EmptiestFirst } from "./emptiest-first.ts";
import type { FleetJob } from "./fleet-job.ts";
import type { Choice, FleetView, Wish } from "./policy.ts";
import type { Resources } from "./resources.ts";
import { movesInTurn, wishesOf } from "./steady-turns.ts";
import type { Turns } from "./turns.ts";

/**
 * Jobs in turn, each to the pipeline with the fewest so far on which it fits beside them; one that trains stays where
 * it is.
 */
export function takeInTurn(resources: Resources, jobs: Iterable<FleetJob>, { looksPast, why }: Turns): readonly Wish[] {
  const taken = Array.from({ length: resources.numPipelines }, (): FleetJob[] => []);
  const emptiestFirst = new EmptiestFirst(taken.map(() => 0));
  const wishes: Wish[] = [];
  // What has found no place finds none among more jobs.
  const misfits = new Set<string>();
  // So far only jobs that train already, and did so together.
  let isAsBefore = resources.isSteady;
  let past = 0;
  const fits = (pipeline: number, job: FleetJob): boolean => {
    const own = taken[pipeline]!;
    own.push(job);
    const isShort = resources.shortfall(pipeline, own) !== undefined;
    own.pop();
    return !isShort;
  };
  const placeOf = (job: FleetJob): number | undefined => {
    if (job.pipeline !== undefined) return isAsBefore || fits(job.pipeline, job) ? job.pipeline : undefined;
    const kind = resources.kindOf(job);
    if (misfits.has(kind)) return undefined;
    const found = emptiestFirst.order.find((each) => fits(each, job));
    if (found === undefined) misfits.add(kind);
    else isAsBefore = false;
    return found;
  };
  for (const job of jobs) {
    const pipeline = placeOf(job);
    if (pipeline === undefined) {
      past += 1;
      if (past > looksPast) break;
    } else {
      taken[pipeline]!.push(job);
      emptiestFirst.add(pipeline);
      wishes.push({ job, pipeline, why });
    }
  }
  return wishes;
}

type Compare = (a: FleetJob, b: FleetJob) => number;

/** The jobs that wait and those that train, which both are in this order. */
function* merged({ waiting, placed }: FleetView, compare: Compare): Iterable<FleetJob> {
  let next = 0;
  for (const job of waiting) {
    while (next < placed.length && compare(placed[next]!, job) <= 0) yield placed[next++]!;
    yield job;
  }
  yield* placed.slice(next);
}

/** As many jobs as there is room for, in an order; one that trains gives way to those that come before it. */
export function preemptively(view: FleetView, compare: Compare, turns: Turns): readonly Wish[] {
  return takeInTurn(view.resources, merged(view, compare), turns);
}

/**
 * `preemptively` as a choice of a policy without a memory. Where the view has places, and is the scheduler's own, it is
 * found by who moves, which costs what changes and not what trains.
 */
export function preemptiveChoice(view: FleetView, compare: Compare, turns: Turns): Choice {
  const { places } = view;
  if (places === undefined || places.view !== view) return { wishes: preemptively(view, compare, turns), memory: null };
  const moves = movesInTurn(view, places, compare, turns);
  return {
    moves,
    get wishes() {
      return wishesOf(view, compare, moves);
    },
    memory: null,
  };
}
