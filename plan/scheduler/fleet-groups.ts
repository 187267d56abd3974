import { InvariantError } from "../../core/index.ts";
import type { Setting } from "../documents/setting.ts";
import type { GrowingPlan } from "../growth/growing-plan.ts";
import type { Packing, PackingProblem } from "../packing/pack-rows.ts";
import { ownSteps, sharedSteps } from "../packing/shared-steps.ts";
import type { FleetWork } from "./fleet-work.ts";
import { workFacts } from "./work-facts.ts";

/** How jobs that train together on a pipeline share micro-batches. */
export interface Sharing {
  /**
   * Jobs of a pipeline, by number, in the groups whose rows are packed: each job in one. Undefined where each is to keep
   * the micro-batches that it was planned with.
   */
  groupsOf(pipeline: number, jobs: readonly number[]): readonly (readonly number[])[] | undefined;
  readonly pack: (problem: PackingProblem) => Packing;
}

/** Steps that jobs share before they are packed anew, and of which so many have not begun when they are. */
const PACKED = { most: 64, least: 16 } as const;

/** A group of the plan, which may have been taken back. */
interface Group {
  readonly number: number;
  readonly pipeline: number;
  /** By the jobs' numbers in the fleet: the job's step that the group begins with, and the one that it ends before. */
  readonly members: ReadonlyMap<number, { readonly firstStep: number; readonly endStep: number }>;
  readonly isPacked: boolean;
  isTakenBack: boolean;
}

interface Grouped {
  readonly work: FleetWork;
  /** Its number in the plan. */
  readonly planned: number;
  pipeline: number;
  /** The group that trained it last. */
  last: Group | undefined;
  /** Its step that waits for a group to begin with; none while it is in one. */
  waitsFrom: number | undefined;
}

/**
 * Who trains with whom: jobs on a pipeline as groups of a plan that grows, each alone or some that share micro-batches.
 * Groups are taken back and made anew when those who train change.
 */
export class FleetGroups {
  readonly #growing: GrowingPlan;
  readonly #setting: Setting;
  readonly #sharing: Sharing | undefined;
  /** By number in the fleet, in the order in which they came to their pipelines. */
  readonly #jobs = new Map<number, Grouped>();
  /** Those of jobs that were taken from their pipelines, and may come again. */
  readonly #away = new Map<number, Grouped>();
  readonly #groups = new Map<number, Group>();

  constructor(setting: Setting, growing: GrowingPlan, sharing: Sharing | undefined) {
    this.#setting = setting;
    this.#growing = growing;
    this.#sharing = sharing;
  }

  /** A job comes to a pipeline, where it trains from a step on once groups have been formed. */
  place(number: number, work: FleetWork, planned: number, pipeline: number, firstStep: number): void {
    const before = this.#jobs.get(number) ?? this.#away.get(number);
    this.#away.delete(number);
    this.#jobs.set(number, { work, planned, pipeline, last: before?.last, waitsFrom: firstStep });
  }

  /** A job's steps that have not begun are taken back, and it is left out from now on; its step that they begin with. */
  withdraw(number: number): number {
    const job = this.#jobOf(number);
    this.#takeBack(job);
    const from = job.waitsFrom ?? job.work.job.steps;
    this.#jobs.delete(number);
    this.#away.set(number, job);
    return from;
  }

  /** A job has gone from its pipeline for good. */
  drop(number: number): void {
    const last = (this.#jobs.get(number) ?? this.#away.get(number))?.last;
    this.#jobs.delete(number);
    this.#away.delete(number);
    if (last !== undefined) this.#forget([last]);
  }

  /** The job's step behind those that have begun. */
  endOfBegun(number: number): number {
    const { last, waitsFrom, work } = this.#jobOf(number);
    if (waitsFrom !== undefined) return waitsFrom;
    const { firstStep, endStep } = last!.members.get(number)!;
    if (!this.#growing.isActive(last!.number)) return endStep;
    return Math.min(work.job.steps, firstStep + this.#growing.numBegun(last!.number));
  }

  /** Jobs that a step of a group is an iteration of, by number. */
  jobsOf(group: number, step: number): readonly number[] {
    const known = this.#groups.get(group);
    if (known === undefined) throw new InvariantError({ expected: "a group that is known", got: group });
    return [...known.members].flatMap(([number, { firstStep, endStep }]) =>
      firstStep + step < endStep ? [number] : [],
    );
  }

  /** Groups of those that wait for one, and of whoever is to train with them. */
  form(pipeline: number): void {
    const present = [...this.#jobs.keys()].filter((number) => {
      const job = this.#jobs.get(number)!;
      return job.pipeline === pipeline && this.endOfBegun(number) < job.work.job.steps;
    });
    const waits = (number: number): boolean => this.#jobs.get(number)!.waitsFrom !== undefined;
    const packed = this.#sharing?.groupsOf(pipeline, present);
    const isPacked = packed !== undefined;
    const wanted = packed ?? present.map((number) => [number]);
    for (const numbers of wanted.filter((own) => !this.#isThere(own, isPacked)))
      for (const number of numbers) this.#takeBack(this.#jobOf(number));
    for (const numbers of wanted) if (numbers.some(waits)) this.#admit(pipeline, numbers, isPacked);
  }

  /** Forms groups again where those who share micro-batches have few steps left that are packed. */
  goOn(pipeline: number): void {
    if (this.#sharing !== undefined && [...this.#groups.values()].some((group) => this.#isShort(group, pipeline)))
      this.form(pipeline);
  }

  /** Whether the next step of somebody is not packed, and soon due. */
  #isShort({ number, members, isTakenBack, pipeline: own }: Group, pipeline: number): boolean {
    if (own !== pipeline || isTakenBack) return false;
    const begun = this.#growing.isActive(number) ? this.#growing.numBegun(number) : Number.POSITIVE_INFINITY;
    return [...members].some(([job, { firstStep, endStep }]) => {
      const steps = this.#jobs.get(job)?.work.job.steps ?? 0;
      return endStep < steps && endStep - firstStep - begun < PACKED.least;
    });
  }

  /** Whether some jobs are in a group, with nobody else who has a step to begin, and for long enough. */
  #isThere(numbers: readonly number[], isPacked: boolean): boolean {
    const group = this.#jobOf(numbers[0]!).last;
    if (group === undefined || group.isPacked !== isPacked || group.isTakenBack || this.#isShort(group, group.pipeline))
      return false;
    if (!numbers.every((number) => group.members.has(number) && this.#jobOf(number).last === group)) return false;
    return [...group.members.keys()].every(
      (number) => numbers.includes(number) || this.#jobs.get(number)?.last !== group || this.#hasBegunAll(number),
    );
  }

  #hasBegunAll(number: number): boolean {
    return this.endOfBegun(number) === this.#jobOf(number).work.job.steps;
  }

  /** What of a job's group has not begun is taken back: its members wait for another one. */
  #takeBack({ last, waitsFrom }: Grouped): void {
    if (last === undefined || last.isTakenBack || waitsFrom !== undefined) return;
    last.isTakenBack = true;
    const isActive = this.#growing.isActive(last.number);
    const step = isActive ? this.#growing.withdraw(last.number) : Number.POSITIVE_INFINITY;
    for (const [number, { firstStep, endStep }] of last.members) {
      const job = this.#jobs.get(number);
      const from = Math.min(endStep, firstStep + step);
      if (job?.last === last && from < job.work.job.steps) job.waitsFrom = from;
    }
  }

  #admit(pipeline: number, numbers: readonly number[], isPacked: boolean): void {
    const jobs = numbers
      .map((number) => {
        const { work, planned, waitsFrom: firstStep } = this.#jobOf(number);
        const { steps } = work.job;
        const endStep = isPacked ? Math.min(steps, firstStep! + PACKED.most) : steps;
        return { ...work, number, job: planned, firstStep: firstStep!, endStep };
      })
      .sort((a, b) => a.job - b.job);
    const { maxTokens } = this.#setting.pipelines[pipeline]!.room;
    const before = numbers.flatMap((number) => this.#jobOf(number).last ?? []);
    const group = this.#growing.admit({
      group: { pipeline, members: jobs.map(({ job, firstStep, endStep }) => ({ job, firstStep, endStep })) },
      ...(isPacked
        ? sharedSteps(jobs, { capacity: maxTokens, pack: this.#sharing!.pack })
        : { ...ownSteps(jobs[0]!), sizes: workFacts(jobs[0]!).sizes }),
      after: [...new Set(before.map((each) => each.number))],
    });
    const members = new Map(jobs.map(({ number, firstStep, endStep }) => [number, { firstStep, endStep }]));
    const made: Group = { number: group, pipeline, members, isPacked, isTakenBack: false };
    this.#groups.set(group, made);
    for (const number of numbers) {
      const job = this.#jobOf(number);
      job.last = made;
      job.waitsFrom = undefined;
    }
    this.#forget(before);
  }

  /** Groups that nobody was in last: all that has begun of them has been taken into the plan. */
  #forget(groups: readonly Group[]): void {
    for (const group of groups) {
      const isLast = [...group.members.keys()].some(
        (number) => (this.#jobs.get(number) ?? this.#away.get(number))?.last === group,
      );
      if (!isLast) this.#groups.delete(group.number);
    }
  }

  #jobOf(number: number): Grouped {
    const job = this.#jobs.get(number);
    if (job === undefined) throw new InvariantError({ expected: "a job that trains", got: number });
    return job;
  }
}
