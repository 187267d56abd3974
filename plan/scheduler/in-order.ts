import type { FleetJob } from "./fleet-job.ts";
import type { FleetView, Wish } from "./policy.ts";
import type { Resources } from "./resources.ts";

export interface Turns {
  /** Jobs that fit go before one that does not, if that is among so many that are looked at. */
  readonly looksPast: number;
  readonly why: (job: FleetJob) => string;
}

/** Pipelines by how many jobs they have, then by number. */
class EmptiestFirst {
  readonly #counts: number[];
  /** Made when it is asked for, since most jobs stay where they are. */
  #order: number[] | undefined;

  constructor(numPipelines: number) {
    this.#counts = Array.from({ length: numPipelines }, () => 0);
  }

  get order(): readonly number[] {
    this.#order ??= this.#counts.map((_, pipeline) => pipeline).sort((a, b) => this.#compare(a, b));
    return this.#order;
  }

  /** One more job. */
  add(pipeline: number): void {
    this.#counts[pipeline]! += 1;
    const order = this.#order;
    if (order === undefined) return;
    for (let at = order.indexOf(pipeline); at + 1 < order.length; at += 1) {
      const next = order[at + 1]!;
      if (this.#compare(pipeline, next) < 0) break;
      order[at] = next;
      order[at + 1] = pipeline;
    }
  }

  #compare(a: number, b: number): number {
    return this.#counts[a]! - this.#counts[b]! || a - b;
  }
}

/**
 * Jobs in turn, each to the pipeline with the fewest so far on which it fits beside them; one that trains stays where
 * it is.
 */
export function takeInTurn(resources: Resources, jobs: Iterable<FleetJob>, { looksPast, why }: Turns): readonly Wish[] {
  const taken = Array.from({ length: resources.numPipelines }, (): FleetJob[] => []);
  const emptiestFirst = new EmptiestFirst(resources.numPipelines);
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

/** The jobs that wait and those that train, which both are in this order. */
function* merged(view: FleetView, compare: (a: FleetJob, b: FleetJob) => number): Iterable<FleetJob> {
  const { placed } = view;
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
