import { InvariantError } from "../../core/index.ts";
import { type FleetJob, QUEUED } from "../../plan/index.ts";
import type { FleetTimes } from "./fleet-times.ts";
import { Members } from "./members.ts";

/** A job on a pipeline at some time. */
export interface PlacedJob {
  readonly number: number;
  /** Iterations that have ended. */
  readonly done: number;
  /** Of the one that is under way, the share that has not been trained: above 0, and 1 where it has just begun. */
  readonly left: number;
}

/** One that is there already, with the iterations after which it ends. */
export interface RestoredJob extends PlacedJob {
  readonly iterations: number;
  readonly leaving: boolean;
  /** Whether the ends of its iterations are of interest beside that. */
  readonly watched: boolean;
}

export interface Progress {
  readonly number: number;
  readonly done: number;
  /** Whether an iteration has ended just then. */
  readonly justEnded: boolean;
  /** Whether the next one has not begun. */
  readonly between: boolean;
}

const NONE: readonly Progress[] = [];

/**
 * The jobs of one pipeline over time. While the same jobs train, an iteration of each takes as long as it does among
 * them; when one comes or goes, what is left of the others' iterations goes on at their new pace.
 */
export class PipelineClock {
  readonly #pipeline: number;
  readonly #times: FleetTimes;
  readonly #isAhead: boolean;
  /** In the order in which they came: few, and gone through at every trigger. */
  readonly #members = new Members();
  /** The earliest end of an iteration under way, and of the last one of a job, when progress was last made. */
  #leastEndNs = Number.POSITIVE_INFINITY;
  #leastLastNs = Number.POSITIVE_INFINITY;
  #isChanged = false;

  /** `isAhead`: when an iteration of a job ends, its next one has begun already, unless the job is leaving. */
  constructor(pipeline: number, times: FleetTimes, isAhead: boolean) {
    this.#pipeline = pipeline;
    this.#times = times;
    this.#isAhead = isAhead;
  }

  /** Jobs that are there already. Iterations that the scheduler has not heard of are told with the next progress. */
  restore(atNs: number, placed: readonly RestoredJob[], jobOf: (number: number) => FleetJob): void {
    if (placed.length === 0) return;
    const jobs = placed.map(({ number }) => jobOf(number));
    const periods = this.#periods(jobs);
    placed.forEach(({ number, iterations, watched, leaving, done, left }, place) => {
      const periodNs = periods[place]!;
      this.#members.add(number, iterations, watched);
      const untold = Math.max(0, done - jobs[place]!.done);
      const endNs = atNs + Math.max(1, Math.round(left * periodNs));
      this.#members.restore(place, { done: done - untold, periodNs, endNs: endNs - untold * periodNs });
      this.#members.setLeaving(place, leaving);
    });
    this.#look();
  }

  /** Its jobs at a time up to which nobody has come or gone since the last call of anything else. */
  placedAt(atNs: number): readonly PlacedJob[] {
    const members = this.#members;
    return members.numbers().map((number, place) => {
      const more = members.endedBy(place, atNs) + 1;
      return { number, done: members.doneAt(place) + more, left: members.shareLeft(place, more, atNs) };
    });
  }

  get isIdle(): boolean {
    return this.#members.count === 0;
  }

  /** When the next iteration ends after a time: any, or one of a watched job, or after which its job ends or leaves. */
  nextNs(nowNs: number, any: boolean): number {
    const members = this.#members;
    if (!any && members.numLookedAt === 0) return this.#leastLastNs;
    if (any && nowNs < this.#leastEndNs) return this.#leastEndNs;
    let least = Number.POSITIVE_INFINITY;
    for (let place = 0; place < members.count; place += 1) {
      const isAny = any || members.isLeaving(place) || members.isWatched(place);
      const ns = members.endAfter(place, isAny ? members.endedBy(place, nowNs) + 1 : members.left(place) - 1);
      if (ns < least) least = ns;
    }
    return least;
  }

  /** Whether an iteration has ended since `progressAt` by a time. */
  hasEndBy(atNs: number): boolean {
    return atNs >= this.#leastEndNs;
  }

  /** Whether an iteration ends just then. */
  hasEndAt(atNs: number): boolean {
    if (atNs < this.#leastEndNs) return false;
    const members = this.#members;
    for (let place = 0; place < members.count; place += 1) {
      const more = members.endedBy(place, atNs);
      if (more >= 0 && members.endAfter(place, more) === atNs) return true;
    }
    return false;
  }

  /** Iterations that have ended since the last call, of the jobs that have ended any, or just now. */
  progressAt(atNs: number, any: boolean): readonly Progress[] {
    const members = this.#members;
    let progress: Progress[] | undefined;
    for (let place = 0; place < members.count; place += 1) {
      const more = members.endedBy(place, atNs);
      if (more < 0) continue;
      const justEnded = members.endAfter(place, more) === atNs;
      members.advance(place, more + 1);
      if (!any && !justEnded) continue;
      const between = justEnded && (members.isLeaving(place) || !this.#isAhead);
      progress ??= [];
      progress.push({ number: members.numberAt(place), done: members.doneAt(place), justEnded, between });
    }
    this.#look();
    return progress ?? NONE;
  }

  /** Its iterations that have ended are the scheduler's: `settle`. */
  add(number: number, iterations: number, watched: boolean): void {
    this.#members.add(number, iterations, watched);
    this.#isChanged = true;
  }

  remove(number: number): void {
    this.#members.remove(this.#placeOf(number));
    this.#isChanged = true;
  }

  setLeaving(number: number, leaving: boolean): void {
    this.#members.setLeaving(this.#placeOf(number), leaving);
  }

  setWatched(number: number, watched: boolean): void {
    this.#members.setWatched(this.#placeOf(number), watched);
  }

  #placeOf(number: number): number {
    const place = this.#members.placeOf(number);
    if (place < 0) throw new InvariantError({ expected: "a job that trains here", got: number });
    return place;
  }

  #look(): void {
    const members = this.#members;
    this.#leastEndNs = Number.POSITIVE_INFINITY;
    this.#leastLastNs = Number.POSITIVE_INFINITY;
    for (let place = 0; place < members.count; place += 1) {
      this.#leastEndNs = Math.min(this.#leastEndNs, members.endAfter(place, 0));
      this.#leastLastNs = Math.min(this.#leastLastNs, members.endAfter(place, members.left(place) - 1));
    }
  }

  /** After jobs have come and gone: what each iteration takes from now on. */
  settle(atNs: number, jobOf: (number: number) => FleetJob): void {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    const members = this.#members;
    if (members.count > 0) {
      const jobs = members.numbers().map(jobOf);
      const periods = this.#periods(jobs);
      for (let place = 0; place < members.count; place += 1) {
        members.setPeriod(place, atNs, periods[place]!, jobs[place]!.done);
      }
    }
    this.#look();
  }

  /** Behind `settle`: a job that has just come begins so much later; those that are there go on. */
  delay(number: number, waitsNs: number): void {
    if (waitsNs <= 0) return;
    this.#members.delay(this.#placeOf(number), waitsNs);
    this.#look();
  }

  /**
   * Behind `settle`: a job that has just come cannot begin before a time. Those that are there go on with what is queued
   * of them, and then wait for it, since a device keeps the plan's order.
   */
  hold(untilNs: number, atNs: number): void {
    const members = this.#members;
    const waitsNs = untilNs - atNs - (this.#isAhead && members.count > 1 ? QUEUED.leastNs : 0);
    if (waitsNs <= 0) return;
    for (let place = 0; place < members.count; place += 1) members.delay(place, waitsNs);
    this.#look();
  }

  /** Of an iteration of each of its jobs, whole nanoseconds. */
  #periods(jobs: readonly FleetJob[]): readonly number[] {
    return this.#times.iterationNs(this.#pipeline, jobs).map((ns) => Math.max(1, Math.round(ns)));
  }
}
