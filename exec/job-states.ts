import { activeMembers, type LiveWork, type MiniBatch, type PlannedGroup, type Setting } from "../plan/index.ts";
import type { AdapterState, StatePart } from "./adapters.ts";
import type { BestEvaluation } from "./evaluations.ts";
import type { AdapterPair } from "./peft.ts";

/** A job between two of its steps: what it goes on from. */
export interface JobState {
  /** Steps that it has made. */
  readonly step: number;
  readonly state: AdapterState;
  /** What was best of it so far, if it was evaluated. */
  readonly best: BestEvaluation | undefined;
}

/** What a stage's update tells of a job. */
export type ToldParts = Readonly<Record<StatePart, readonly AdapterPair[]>>;

/** A mini-batch whose updates tell the states of its jobs, until all of its pipeline's stages have. */
interface Telling {
  /** By job and stage, what was told. */
  readonly told: Map<number, ToldParts[]>;
  /** Whom it tells. */
  readonly requests: readonly Request[];
  /** Stages that have not told it, with the evaluation behind it where there is one. */
  left: number;
}

interface Request {
  /** Jobs that have to be told of, or to end. */
  readonly awaited: ReadonlySet<number>;
  /** Those of them of which an update is to come, and none that tells is in a queue. */
  readonly unchosen: Set<number>;
  readonly states: Map<number, JobState>;
}

/**
 * States of all jobs while they train: each is told by the updates of one of its mini-batches, on every stage by the
 * device itself and in its order, so that no pipeline drains. Jobs are told of at steps of their own; those that share
 * micro-batches at one step. What is wanted every so many steps is so from the moment that such a step is put into a
 * queue, and thus told of at that step, however much is queued.
 */
export class JobStates {
  readonly #setting: Pick<Setting, "pipelines">;
  readonly #live: LiveWork;
  readonly #bestOf: (job: number) => BestEvaluation | undefined;
  readonly #everySteps: number;
  /** By job, steps that are made or in a queue since one of them told. */
  readonly #made = new Map<number, number>();
  /** Mini-batches of which an update is in a queue, and tells nothing. */
  readonly #silent = new WeakSet<MiniBatch>();
  readonly #telling = new WeakMap<MiniBatch, Telling>();
  /** Jobs with an update in a queue, or behind it, that have not ended. */
  readonly #working = new Set<number>();
  /** Those whose last update is in a queue. */
  readonly #finishing = new Set<number>();
  /** Jobs that were stopped and have not ended. */
  readonly #stopped = new Set<number>();
  /** The oldest first. */
  #requests: readonly Request[] = [];

  /** `everySteps`: of a job, from a state that is asked for to the next; 0 for none. */
  constructor(
    setting: Pick<Setting, "pipelines">,
    live: LiveWork,
    bestOf: (job: number) => BestEvaluation | undefined,
    everySteps = 0,
  ) {
    this.#setting = setting;
    this.#live = live;
    this.#bestOf = bestOf;
    this.#everySteps = everySteps;
  }

  /** Asks for the states of the jobs that have made a step or are about to; void while that was asked for already. */
  ask(): void {
    if (this.#requests.length === 0) this.#open();
  }

  /** An update of a mini-batch is put into a stage's queue. */
  enqueued(miniBatch: MiniBatch): void {
    const members = this.#members(miniBatch).filter(({ job }) => !this.#stopped.has(job));
    for (const { job } of members) this.#working.add(job);
    if (this.#telling.has(miniBatch) || this.#silent.has(miniBatch)) return;
    for (const { job } of members) this.#made.set(job, (this.#made.get(job) ?? 0) + 1);
    this.#openWhereDue(members);
    const requests = this.#requests.filter(({ unchosen }) => members.some(({ job }) => unchosen.has(job)));
    if (requests.length === 0) this.#silent.add(miniBatch);
    else this.#choose(miniBatch, members, requests);
    for (const { job, firstStep } of members)
      if (firstStep + miniBatch.step + 1 === this.#live.jobs[job]!.steps) this.#finishing.add(job);
  }

  /** Whether the updates of a mini-batch tell the states of its jobs. */
  tells(miniBatch: MiniBatch): boolean {
    return this.#telling.has(miniBatch);
  }

  /** What a stage's update has told of a job. */
  add(stage: number, miniBatch: MiniBatch, job: number, parts: ToldParts): void {
    const { told } = this.#telling.get(miniBatch)!;
    const known = told.get(job) ?? [];
    told.set(job, known);
    known[stage] = parts;
  }

  /** A stage's update of a mini-batch has ended, or the evaluation behind it on all stages. */
  passed(miniBatch: MiniBatch): void {
    const telling = this.#telling.get(miniBatch);
    if (telling === undefined) return;
    telling.left -= 1;
    if (telling.left === 0) this.#complete(miniBatch, telling);
  }

  /** A job has ended. */
  ended(job: number): void {
    this.left(job);
    this.#made.delete(job);
  }

  /** A job was taken from its devices. */
  left(job: number): void {
    this.lost(job);
    this.#stopped.delete(job);
    this.#finishing.delete(job);
  }

  /** A job was stopped: it has no state that is worth anything from now on. */
  stopped(job: number): void {
    this.lost(job);
    this.#stopped.add(job);
    for (const { states } of this.#requests) states.delete(job);
  }

  /** Nothing comes of a job any more; what was told of it counts. */
  lost(job: number): void {
    this.#working.delete(job);
    for (const { unchosen } of this.#requests) unchosen.delete(job);
  }

  /** What was asked for and is there, by job; what was asked for first comes first. */
  take(): readonly ReadonlyMap<number, JobState>[] {
    const open = this.#requests.findIndex((request) => !this.#isThere(request));
    const there = open < 0 ? this.#requests : this.#requests.slice(0, open);
    if (there.length > 0) this.#requests = this.#requests.slice(there.length);
    return there.map(({ states }) => states);
  }

  #isThere({ awaited, states }: Request): boolean {
    return [...awaited].every((job) => {
      // One that has made its last step has to end, since its adapter is written then.
      const isTold = (states.get(job)?.step ?? Number.POSITIVE_INFINITY) < (this.#live.jobs[job]?.steps ?? 0);
      return isTold || !this.#working.has(job);
    });
  }

  #open(): void {
    const unchosen = [...this.#working].filter((job) => !this.#finishing.has(job));
    const request = { awaited: new Set(this.#working), unchosen: new Set(unchosen), states: new Map() };
    this.#requests = [...this.#requests, request];
  }

  /** While one waits for an update to come, another would wait for the same one. */
  #openWhereDue(members: PlannedGroup["members"]): void {
    if (this.#everySteps === 0 || this.#requests.some(({ unchosen }) => unchosen.size > 0)) return;
    if (members.some(({ job }) => this.#made.get(job)! >= this.#everySteps)) this.#open();
  }

  #choose(miniBatch: MiniBatch, members: PlannedGroup["members"], requests: readonly Request[]): void {
    const { firstStage, endStage } = this.#setting.pipelines[this.#live.groups[miniBatch.group]!.pipeline]!;
    const left = endStage - firstStage + (miniBatch.evaluation === undefined ? 0 : 1);
    this.#telling.set(miniBatch, { told: new Map(), requests, left });
    for (const { job } of members) {
      this.#made.set(job, 0);
      for (const { unchosen } of requests) unchosen.delete(job);
    }
  }

  #members({ group, step }: MiniBatch): PlannedGroup["members"] {
    return activeMembers(this.#live.groups, group, step);
  }

  #complete(miniBatch: MiniBatch, { told, requests }: Telling): void {
    const members = this.#members(miniBatch);
    // Devices may report late: where an evaluation of a later step was before, a later step tells.
    if (members.some(({ job, firstStep }) => (this.#bestOf(job)?.step ?? -1) > firstStep + miniBatch.step)) {
      for (const { job } of members)
        if (this.#working.has(job) && !this.#finishing.has(job))
          for (const { awaited, unchosen } of requests) if (awaited.has(job)) unchosen.add(job);
      return;
    }
    for (const { job, firstStep } of members) {
      const stages = told.get(job);
      if (stages === undefined || this.#stopped.has(job)) continue;
      const all = (part: StatePart): readonly AdapterPair[] => stages.flatMap((parts) => parts[part]);
      const state: JobState = {
        step: firstStep + miniBatch.step + 1,
        state: { parameters: all("parameters"), firstMoment: all("firstMoment"), secondMoment: all("secondMoment") },
        best: this.#bestOf(job),
      };
      for (const { states } of requests) states.set(job, state);
    }
  }
}
