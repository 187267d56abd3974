import {
  type Job,
  type ModelSearchSpec,
  proposePoint,
  type SeenPoint,
  type Sweep,
  withValues,
} from "../../plan/index.ts";
import type { LiveFleet } from "./live-fleet.ts";
import { type LiveJob, type LiveSubmission, OVER } from "./live-job.ts";

export interface LiveSearchInput {
  readonly fleet: Pick<LiveFleet, "jobs" | "isDraining" | "submit" | "subscribe">;
  readonly sweeps: readonly Sweep[];
  /** The workload's, of which later points of a search have drawn values. */
  readonly jobs: readonly Job[];
  readonly submissionOf: (job: Job) => Promise<LiveSubmission>;
  /** A point could not be submitted: no more come. */
  readonly onFailure: (error: unknown) => void;
}

type ValuePath = SeenPoint["values"][number]["path"];

interface Search {
  readonly spec: ModelSearchSpec;
  /** In their order: those that have come or were proposed as they are, the others as they were drawn. */
  readonly points: Job[];
  /** What a point has a value of. */
  readonly paths: readonly ValuePath[];
  /** Of points, the next that is proposed. */
  next: number;
}

/** Names of points whose values follow from the losses of others. */
export function proposedNames(sweeps: readonly Sweep[], jobs: readonly Pick<Job, "name">[]): ReadonlySet<string> {
  return new Set(
    sweeps.flatMap(({ model, first, points }) =>
      model === undefined ? [] : jobs.slice(first + model.startup, first + points.length).map(({ name }) => name),
    ),
  );
}

/** The values that a job has of a sweep's keys. */
function valuesOf(job: Job, paths: readonly ValuePath[]): SeenPoint["values"] {
  return paths.map((path) => {
    const [outer, inner] = path;
    const own = (job as unknown as Readonly<Record<string, unknown>>)[outer];
    return { path, value: (inner === undefined ? own : (own as Readonly<Record<string, unknown>>)[inner]) as number };
  });
}

/** Searches by a model in a live fleet: as points end others come, with values that the losses so far speak for. */
export class LiveSearch implements Disposable {
  readonly #input: LiveSearchInput;
  readonly #searches: readonly Search[];
  readonly #unsubscribe: () => void;
  #left: number;
  #isDone: () => void = () => {};

  constructor(input: LiveSearchInput) {
    this.#input = input;
    const { fleet, sweeps, jobs } = input;
    const come = new Map(fleet.jobs.map(({ job }) => [job.name, job]));
    this.#searches = sweeps.flatMap(({ model, first, points }) => {
      if (model === undefined) return [];
      const own = jobs.slice(first, first + points.length);
      let next = Math.min(model.startup, own.length);
      while (next < own.length && come.has(own[next]!.name)) next += 1;
      const paths = points[0]!.values.map(({ path }) => path);
      return [{ spec: model, points: own.map((job) => come.get(job.name) ?? job), paths, next }];
    });
    this.#left = this.#searches.reduce((left, { points, next }) => left + points.length - next, 0);
    this.#unsubscribe = fleet.subscribe((notice) => {
      if (notice.kind === "end" || notice.kind === "line") this.#fill();
    });
  }

  /** Points that have not been submitted. */
  get left(): number {
    return this.#left;
  }

  /** Proposes what is due already, and calls back once all points have been submitted. */
  begin(isDone: () => void): void {
    this.#isDone = isDone;
    this.#fill();
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }

  #fill(): void {
    if (this.#left === 0) return;
    for (const search of this.#searches) {
      const { spec, points } = search;
      const open = new Map(this.#input.fleet.jobs.map((each) => [each.job.name, each]));
      // Who has a number below the next one and has not come is on its way.
      const isOnItsWay = ({ name }: Job): boolean => {
        const live = open.get(name);
        // One that halving has paused waits for others to be compared with.
        return live === undefined || !(OVER.includes(live.standing) || live.standing === "paused");
      };
      let training = points.slice(0, search.next).filter(isOnItsWay).length;
      for (; training < spec.startup && search.next < points.length; training += 1) this.#propose(search, open);
    }
  }

  #propose(search: Search, come: ReadonlyMap<string, LiveJob>): void {
    if (this.#input.fleet.isDraining) return;
    const { spec, points, paths, next: number } = search;
    search.next += 1;
    const before = points.slice(0, number);
    const values = proposePoint(spec, {
      ended: before.flatMap(({ name }) => seenPoint(come.get(name), paths)),
      taken: before.map((job) => valuesOf(job, paths)),
      number,
    });
    points[number] = withValues(points[number]!, values);
    void this.#submit(points[number]);
  }

  async #submit(job: Job): Promise<void> {
    const { fleet, submissionOf, onFailure } = this.#input;
    try {
      const submission = await submissionOf(job);
      if (fleet.isDraining) return;
      fleet.submit(submission);
      this.#left -= 1;
    } catch (error) {
      onFailure(error);
      this.#left = 0;
    }
    if (this.#left === 0) this.#isDone();
  }
}

/** What a point that is over says; nothing of one that has not trained, or that a person has cancelled. */
function seenPoint(live: LiveJob | undefined, paths: readonly ValuePath[]): readonly SeenPoint[] {
  if (live === undefined || live.done === 0) return [];
  if (live.standing !== "ended" && live.standing !== "stopped") return [];
  const loss = live.best?.evaluationLoss ?? live.loss ?? Number.NaN;
  return [{ values: valuesOf(live.job, paths), loss, steps: live.done }];
}
