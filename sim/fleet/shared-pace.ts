import type { FleetJob, Resources } from "../../plan/index.ts";
import type { FleetTimes } from "./fleet-times.ts";

/** What an iteration of a job takes by itself, and of a pipeline that is never idle; in nanoseconds. */
export interface IterationLoad {
  readonly aloneNs: number;
  readonly loadNs: number;
}

/**
 * How long iterations take of jobs that share a pipeline: each as long as alone while the pipeline has time for all of
 * them. Where it has not, it gives jobs turns, so that all take the same time but for those that take longer alone.
 */
export function sharedPace(jobs: readonly IterationLoad[]): readonly number[] {
  // The pace p at which the pipeline is just busy: the sum of load / max(alone, p) is 1. Whoever is slower alone keeps
  // its own pace, so the faster ones, which are as many as it takes, share what those leave.
  const slowestFirst = [...jobs].sort((a, b) => b.aloneNs - a.aloneNs);
  let left = 1;
  let loadNs = slowestFirst.reduce((sum, job) => sum + job.loadNs, 0);
  let paceNs = 0;
  for (const job of slowestFirst) {
    paceNs = loadNs / left;
    if (paceNs >= job.aloneNs) break;
    left -= job.loadNs / job.aloneNs;
    loadNs -= job.loadNs;
    paceNs = 0;
  }
  return jobs.map(({ aloneNs }) => Math.max(aloneNs, paceNs));
}

/** So many jobs of a kind keep a pipeline busy, or nearly, where one alone does not. */
const BUSY = 4;

/**
 * Times of cohorts that nobody has simulated, from those of each of their jobs: alone, and among as many of its own kind
 * as keep a pipeline busy. What many cohorts are compared by, where each would be a simulation of its own.
 */
export class SharedPace implements FleetTimes {
  readonly #times: FleetTimes;
  readonly #resources: Resources;
  readonly #known = new Map<string, IterationLoad>();

  constructor(times: FleetTimes, resources: Resources) {
    this.#times = times;
    this.#resources = resources;
  }

  iterationNs(pipeline: number, jobs: readonly FleetJob[]): readonly number[] {
    return sharedPace(jobs.map((job) => this.#loadOf(pipeline, job)));
  }

  #loadOf(pipeline: number, job: FleetJob): IterationLoad {
    const key = `${pipeline} ${job.number}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const busy = [job];
    while (busy.length < BUSY && this.#resources.shortfall(pipeline, [...busy, job]) === undefined) busy.push(job);
    const load = {
      aloneNs: this.#times.iterationNs(pipeline, [job])[0]!,
      loadNs: this.#times.iterationNs(pipeline, busy)[0]! / busy.length,
    };
    this.#known.set(key, load);
    return load;
  }
}
