import { InvariantError } from "../../core/index.ts";
import type { FleetJob } from "../../plan/index.ts";
import type { FleetTimes } from "./fleet-times.ts";

interface Member {
  readonly number: number;
  /** Iterations after which it ends. */
  readonly iterations: number;
  leaving: boolean;
  /** Whether the ends of its iterations are of interest beside that. */
  watched: boolean;
  /** Iterations that had ended at `sinceNs`. */
  done: number;
  /** When its iteration ends that was under way then, and how long those after it take. */
  endNs: number;
  periodNs: number;
}

/** When the iteration after so many more ends. */
function endAfter({ endNs, periodNs }: Member, more: number): number {
  return endNs + more * periodNs;
}

/**
 * Iterations of a job that have ended by a time, beside the one that ends first; -1 where that has not. By the same sums
 * as the ends themselves, which may be rounded: months in nanoseconds are beyond 2^53.
 */
function endedBy(member: Member, atNs: number): number {
  let more = Math.floor((atNs - member.endNs) / member.periodNs);
  while (endAfter(member, more + 1) <= atNs) more += 1;
  while (more >= 0 && endAfter(member, more) > atNs) more -= 1;
  return Math.max(-1, more);
}

/** A job on a pipeline at some time. */
export interface PlacedJob {
  readonly number: number;
  /** Iterations that have ended. */
  readonly done: number;
  /** Of the one that is under way, the share that has not been trained: above 0, and 1 where it has just begun. */
  readonly left: number;
}

export interface Progress {
  readonly number: number;
  readonly done: number;
  /** Whether an iteration has ended just then. */
  readonly justEnded: boolean;
  /** Whether the next one has not begun. */
  readonly between: boolean;
}

/**
 * The jobs of one pipeline over time. While the same jobs train, an iteration of each takes as long as it does among
 * them; when one comes or goes, what is left of the others' iterations goes on at their new pace.
 */
export class PipelineClock {
  readonly #pipeline: number;
  readonly #times: FleetTimes;
  readonly #isAhead: boolean;
  readonly #members = new Map<number, Member>();
  #isChanged = false;

  /** `isAhead`: when an iteration of a job ends, its next one has begun already, unless the job is leaving. */
  constructor(pipeline: number, times: FleetTimes, isAhead: boolean) {
    this.#pipeline = pipeline;
    this.#times = times;
    this.#isAhead = isAhead;
  }

  /** Jobs that are there already, each with the iterations after which it ends. */
  restore(
    atNs: number,
    placed: readonly (PlacedJob & Pick<Member, "iterations" | "leaving" | "watched">)[],
    jobOf: (number: number) => FleetJob,
  ): void {
    if (placed.length === 0) return;
    const periods = this.#periods(placed.map(({ number }) => jobOf(number)));
    placed.forEach(({ left, ...member }, place) => {
      const periodNs = periods[place]!;
      const endNs = atNs + Math.max(1, Math.round(left * periodNs));
      this.#members.set(member.number, { ...member, endNs, periodNs });
    });
  }

  /** Its jobs at a time up to which nobody has come or gone since the last call of anything else. */
  placedAt(atNs: number): readonly PlacedJob[] {
    return [...this.#members.values()].map((member) => {
      const more = endedBy(member, atNs) + 1;
      const left = (endAfter(member, more) - atNs) / member.periodNs;
      return { number: member.number, done: member.done + more, left };
    });
  }

  get isIdle(): boolean {
    return this.#members.size === 0;
  }

  /** When the next iteration ends after a time: any, or one of a watched job, or after which its job ends or leaves. */
  nextNs(nowNs: number, any: boolean): number {
    let least = Number.POSITIVE_INFINITY;
    for (const member of this.#members.values()) {
      const { done, iterations, leaving, watched } = member;
      const ns = endAfter(member, any || leaving || watched ? endedBy(member, nowNs) + 1 : iterations - done - 1);
      if (ns < least) least = ns;
    }
    return least;
  }

  /** Whether an iteration ends just then. */
  hasEndAt(atNs: number): boolean {
    for (const member of this.#members.values()) {
      const more = endedBy(member, atNs);
      if (more >= 0 && endAfter(member, more) === atNs) return true;
    }
    return false;
  }

  /** Iterations that have ended since the last call, of the jobs that have ended any. */
  progressAt(atNs: number): readonly Progress[] {
    const progress: Progress[] = [];
    for (const member of this.#members.values()) {
      const more = endedBy(member, atNs);
      if (more < 0) continue;
      const lastNs = endAfter(member, more);
      member.done += 1 + more;
      member.endNs = endAfter(member, more + 1);
      const justEnded = lastNs === atNs;
      const between = justEnded && (member.leaving || !this.#isAhead);
      progress.push({ number: member.number, done: member.done, justEnded, between });
    }
    return progress;
  }

  /** Its iterations that have ended are the scheduler's: `settle`. */
  add(number: number, iterations: number, watched: boolean): void {
    this.#members.set(number, { number, iterations, leaving: false, watched, done: -1, endNs: 0, periodNs: 0 });
    this.#isChanged = true;
  }

  remove(number: number): void {
    if (!this.#members.delete(number)) throw new InvariantError({ expected: "a job that trains here", got: number });
    this.#isChanged = true;
  }

  setLeaving(number: number, leaving: boolean): void {
    this.#members.get(number)!.leaving = leaving;
  }

  setWatched(number: number, watched: boolean): void {
    this.#members.get(number)!.watched = watched;
  }

  /** After jobs have come and gone: what each iteration takes from now on. */
  settle(atNs: number, jobOf: (number: number) => FleetJob): void {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    const members = [...this.#members.values()];
    if (members.length === 0) return;
    const jobs = members.map(({ number }) => jobOf(number));
    const periods = this.#periods(jobs);
    members.forEach((member, place) => {
      const periodNs = periods[place]!;
      if (member.done < 0) {
        member.done = jobs[place]!.done;
        member.endNs = atNs + periodNs;
      } else if (periodNs !== member.periodNs) {
        const left = (member.endNs - atNs) / member.periodNs;
        member.endNs = atNs + Math.max(1, Math.round(left * periodNs));
      }
      member.periodNs = periodNs;
    });
  }

  /** Of an iteration of each of its jobs, whole nanoseconds. */
  #periods(jobs: readonly FleetJob[]): readonly number[] {
    return this.#times.iterationNs(this.#pipeline, jobs).map((ns) => Math.max(1, Math.round(ns)));
  }
}
