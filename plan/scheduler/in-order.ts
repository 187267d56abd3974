import type { FleetJob } from "./fleet-job.ts";
import type { FleetView, Wish } from "./policy.ts";
import type { Resources } from "./resources.ts";

export interface Turns {
  /** Jobs that fit go before one that does not, if that is among so many that are looked at. */
  readonly looksPast: number;
  readonly why: (job: FleetJob) => string;
}

/**
 * Jobs in turn, each to the pipeline with the fewest so far on which it fits beside them; one that trains stays where
 * it is.
 */
export function takeInTurn(resources: Resources, jobs: Iterable<FleetJob>, { looksPast, why }: Turns): readonly Wish[] {
  const taken = Array.from({ length: resources.numPipelines }, (): FleetJob[] => []);
  const emptiestFirst = (): readonly number[] =>
    taken.map((_, pipeline) => pipeline).sort((a, b) => taken[a]!.length - taken[b]!.length || a - b);
  const wishes: Wish[] = [];
  let past = 0;
  for (const job of jobs) {
    const places = job.pipeline === undefined ? emptiestFirst() : [job.pipeline];
    const pipeline = places.find((each) => resources.shortfall(each, [...taken[each]!, job]) === undefined);
    if (pipeline === undefined) {
      past += 1;
      if (past > looksPast) break;
    } else {
      taken[pipeline]!.push(job);
      wishes.push({ job, pipeline, why: why(job) });
    }
  }
  return wishes;
}

/** The jobs that wait, which are in this order, and those that train. */
function* merged(view: FleetView, compare: (a: FleetJob, b: FleetJob) => number): Iterable<FleetJob> {
  const placed = [...view.placed].sort(compare);
  let next = 0;
  for (const job of view.waiting) {
    while (next < placed.length && compare(placed[next]!, job) <= 0) yield placed[next++]!;
    yield job;
  }
  yield* placed.slice(next);
}

/** As many jobs as there is room for, in an order; one that trains gives way to those that come before it. */
export function preemptively(
  view: FleetView,
  compare: (a: FleetJob, b: FleetJob) => number,
  turns: Turns,
): readonly Wish[] {
  return takeInTurn(view.resources, merged(view, compare), turns);
}
