import { activeMembers, type LiveWork } from "../plan/index.ts";
import type { LeftOut } from "./left-out.ts";
import type { LoweredAction } from "./lowering.ts";

/**
 * Jobs that are on the devices and train no further. A plan's orders do not change for them: their micro-batches pass
 * through the pipeline empty, and updates leave them out.
 */
export class StoppedJobs {
  readonly #live: LiveWork;
  readonly #jobs = new Set<number>();

  constructor(live: LiveWork) {
    this.#live = live;
  }

  add(job: number): void {
    this.#jobs.add(job);
  }

  has(job: number): boolean {
    return this.#jobs.has(job);
  }

  /** Nobody will ask for a job that has left. */
  forget(job: number): void {
    this.#jobs.delete(job);
  }

  /** What is left out of an action that comes to its device now; undefined where all of it is done. */
  leftOutOf({ action, miniBatch, microBatch }: LoweredAction): LeftOut | undefined {
    if (this.#jobs.size === 0) return undefined;
    const active = activeMembers(this.#live.groups, miniBatch.group, miniBatch.step);
    const jobs = new Set(active.flatMap(({ job }) => (this.#jobs.has(job) ? [job] : [])));
    if (jobs.size === 0) return undefined;
    return { jobs, all: action.letter !== "U" && microBatch.rows.every(([job]) => jobs.has(job)) };
  }
}
