import { firstPlace } from "./first-place.ts";
import type { FleetJob } from "./fleet-job.ts";
import type { JobQueue } from "./job-queue.ts";

type Compare = (a: FleetJob, b: FleetJob) => number;

/** Beside whom a job of a kind was seen to have no room. */
export interface Misfits {
  /** Beside the first so many jobs of a pipeline. */
  has(pipeline: number, count: number): boolean;
  /** Remembered until a job of that pipeline comes or goes. */
  add(pipeline: number, count: number): void;
}

/** Who trains where, for policies whose jobs always need the same. */
export interface Places {
  /** The `FleetView` whose jobs these are: another one that was made of it may have fewer, or another order. */
  readonly view: object | undefined;
  /** Jobs that wait, in the policy's order. */
  readonly waiting: Pick<JobQueue, "every">;
  /** Jobs on a pipeline that a policy decides of, in its order. */
  on(pipeline: number): readonly FleetJob[];
  misfits(kind: string): Misfits;
  /** Of how many kinds the jobs are that wait. */
  readonly numWaitingKinds: number;
}

/** The jobs of each pipeline, the kinds of those that wait, and what has no room beside whom. */
export class PlacedJobs implements Places {
  view: object | undefined;
  readonly waiting: JobQueue;
  readonly #compare: Compare;
  readonly #kindOf: (job: FleetJob) => string;
  readonly #on: readonly FleetJob[][];
  /** By pipeline, another number whenever a job comes or goes. */
  readonly #versions: number[];
  readonly #misfits = new Map<string, Misfits>();
  readonly #waitingKinds = new Map<string, number>();

  constructor(
    numPipelines: number,
    {
      waiting,
      compare,
      kindOf,
    }: {
      readonly waiting: JobQueue;
      readonly compare: Compare;
      readonly kindOf: (job: FleetJob) => string;
    },
  ) {
    this.waiting = waiting;
    this.#compare = compare;
    this.#kindOf = kindOf;
    this.#on = Array.from({ length: numPipelines }, () => []);
    this.#versions = this.#on.map(() => 1);
  }

  on(pipeline: number): readonly FleetJob[] {
    return this.#on[pipeline]!;
  }

  misfits(kind: string): Misfits {
    let misfits = this.#misfits.get(kind);
    if (misfits === undefined) {
      // By pipeline and count, the version at which it was seen.
      const seen = this.#on.map((): number[] => []);
      misfits = {
        has: (pipeline, count) => seen[pipeline]![count] === this.#versions[pipeline],
        add: (pipeline, count) => {
          seen[pipeline]![count] = this.#versions[pipeline]!;
        },
      };
      this.#misfits.set(kind, misfits);
    }
    return misfits;
  }

  get numWaitingKinds(): number {
    return this.#waitingKinds.size;
  }

  /** A job that waits comes, or goes. */
  wait(job: FleetJob, change: 1 | -1): void {
    const kind = this.#kindOf(job);
    const count = (this.#waitingKinds.get(kind) ?? 0) + change;
    if (count === 0) this.#waitingKinds.delete(kind);
    else this.#waitingKinds.set(kind, count);
  }

  add(job: FleetJob): void {
    const own = this.#on[job.pipeline!]!;
    own.splice(
      firstPlace(own.length, (place) => this.#compare(own[place]!, job) >= 0),
      0,
      job,
    );
    this.#versions[job.pipeline!]! += 1;
  }

  remove(job: FleetJob): void {
    const own = this.#on[job.pipeline!]!;
    own.splice(own.indexOf(job), 1);
    this.#versions[job.pipeline!]! += 1;
  }

  /** The same job on the same pipeline. */
  replace(before: FleetJob, job: FleetJob): void {
    if (this.#compare(before, job) !== 0) {
      this.remove(before);
      this.add(job);
      return;
    }
    const own = this.#on[job.pipeline!]!;
    own[own.indexOf(before)] = job;
  }
}
