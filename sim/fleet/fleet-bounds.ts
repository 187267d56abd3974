import FastPriorityQueue from "fastpriorityqueue";
import { maximum, sum } from "../../core/index.ts";

/** A whole job, as far as no scheduler can change it. Times are in nanoseconds. */
export interface BoundedJob {
  readonly arrivalNs: number;
  /** It is on devices for at least so long, whoever trains beside it. */
  readonly leastNs: number;
  /**
   * Of each of some things that every pipeline has one of (the time of a stage, places for jobs), for how long it takes
   * the whole thing: together, jobs take no more of one than the time that passes.
   */
  readonly loadsNs: readonly number[];
}

/** What no scheduler can beat, in nanoseconds. */
export interface FleetBounds {
  readonly makespanNs: number;
  /** Over the jobs. */
  readonly meanTurnaroundNs: number;
}

interface Served {
  /** Sums over the jobs of when they end, and of when they are served on average. */
  readonly endsNs: number;
  readonly meansNs: number;
}

interface Waiting {
  readonly place: number;
  readonly leftNs: number;
  readonly rank: number;
}

/**
 * Jobs, in the order of arrival, on one server that serves `speed` nanoseconds of them in each, always the one with the
 * smallest rank: what is left of it, or all of it.
 */
function served(jobs: readonly BoundedJob[], load: number, speed: number, rank: "left" | "size"): Served {
  const queue = new FastPriorityQueue<Waiting>((a, b) => a.rank < b.rank || (a.rank === b.rank && a.place < b.place));
  let [endsNs, meansNs, nowNs, next] = [0, 0, 0, 0];
  for (;;) {
    if (queue.isEmpty()) {
      const job = jobs[next];
      if (job === undefined) return { endsNs, meansNs };
      nowNs = Math.max(nowNs, job.arrivalNs);
    }
    for (let job = jobs[next]; job !== undefined && job.arrivalNs <= nowNs; job = jobs[next]) {
      const leftNs = job.loadsNs[load]!;
      queue.add({ place: next, leftNs, rank: leftNs });
      next += 1;
    }
    const { place, leftNs, rank: own } = queue.poll()!;
    const untilNs = Math.min(nowNs + leftNs / speed, jobs[next]?.arrivalNs ?? Number.POSITIVE_INFINITY);
    const hasEnded = nowNs + leftNs / speed <= untilNs;
    const doneNs = hasEnded ? leftNs : (untilNs - nowNs) * speed;
    const sizeNs = jobs[place]!.loadsNs[load]!;
    meansNs += sizeNs === 0 ? nowNs : (((nowNs + untilNs) / 2) * doneNs) / sizeNs;
    nowNs = untilNs;
    if (hasEnded) endsNs += nowNs;
    else queue.add({ place, leftNs: leftNs - doneNs, rank: rank === "left" ? leftNs - doneNs : own });
  }
}

/** When the last of them ends: who comes from some time on cannot be served before it. */
function lastEndNs(jobs: readonly BoundedJob[], load: number, speed: number): number {
  let laterNs = 0;
  return jobs.reduceRight((most, { arrivalNs, loadsNs }) => {
    laterNs += loadsNs[load]!;
    return Math.max(most, arrivalNs + laterNs / speed);
  }, 0);
}

/**
 * What no scheduler can beat on so many pipelines, whatever it knows: the largest of several bounds, each of which holds
 * by itself. docs/internals/scheduler.md states them. In short, with r a job's arrival, a its least time, w its load:
 *
 * - its turnaround is at least a;
 * - each pipeline serves at most one nanosecond of w in each, all of them together as one server of their number's speed,
 *   on which the shortest remaining time first ends jobs earliest on average (Schrage 1968), and who is served at all
 *   times ends the last one earliest;
 * - a job is served at most at the rate w/a, so that it ends at least a/2 after the mean of the times at which it is
 *   served, and the sum of these means is least with the smallest w first, preemptively (Goemans et al. 2002).
 *
 * A pipeline may train jobs together: that is faster than in turn, and w is what they take of it even then. Where times
 * are rounded to nanoseconds, so is what a bound says.
 */
export function fleetBounds(unordered: readonly BoundedJob[], numPipelines: number): FleetBounds {
  if (unordered.length === 0) return { makespanNs: 0, meanTurnaroundNs: 0 };
  const jobs = [...unordered].sort((a, b) => a.arrivalNs - b.arrivalNs);
  const loads = jobs[0]!.loadsNs.map((_, load) => load);
  const arrivalsNs = sum(jobs.map(({ arrivalNs }) => arrivalNs));
  const leastNs = sum(jobs.map((job) => job.leastNs));
  const turnaroundsNs = loads.flatMap((load) => [
    served(jobs, load, numPipelines, "left").endsNs - arrivalsNs,
    served(jobs, load, numPipelines, "size").meansNs + leastNs / 2 - arrivalsNs,
  ]);
  return {
    makespanNs: maximum([
      ...jobs.map((job) => job.arrivalNs + job.leastNs),
      ...loads.map((load) => lastEndNs(jobs, load, numPipelines)),
    ]),
    meanTurnaroundNs: maximum([leastNs, ...turnaroundsNs]) / jobs.length,
  };
}
