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
  /** Stages that have not told it, with the evaluation behind it where there is one. */
  left: number;
}

interface Request {
  /** Jobs that have to be told of, or to end. */
  readonly awaited: ReadonlySet<number>;
  /** By group, the mini-batch that tells. */
  readonly chosen: Map<number, MiniBatch>;
  readonly states: Map<number, JobState>;
}

/**
 * States of all jobs while they train: each is told by the updates of one of its mini-batches, on every stage by the
 * device itself and in its order, so that no pipeline drains. Jobs are told of at steps of their own; those that share
 * micro-batches at one step.
 */
export class JobStates {
  readonly #setting: Pick<Setting, "pipelines">;
  readonly #live: LiveWork;
  readonly #bestOf: (job: number) => BestEvaluation | undefined;
  /** Mini-batches of which an update is in a queue, and tells nothing. */
  readonly #silent = new WeakSet<MiniBatch>();
  readonly #telling = new WeakMap<MiniBatch, Telling>();
  /** Jobs with an update in a queue, or behind it, that have not ended. */
  readonly #working = new Set<number>();
  /** Jobs that were stopped and have not ended. */
  readonly #stopped = new Set<number>();
  #request: Request | undefined;

  constructor(
    setting: Pick<Setting, "pipelines">,
    live: LiveWork,
    bestOf: (job: number) => BestEvaluation | undefined,
  ) {
    this.#setting = setting;
    this.#live = live;
    this.#bestOf = bestOf;
  }

  /** Asks for the states of the jobs that have made a step or are about to; void while that was asked for already. */
  ask(): void {
    this.#request ??= { awaited: new Set(this.#working), chosen: new Map(), states: new Map() };
  }

  /** An update of a mini-batch is put into a stage's queue. */
  enqueued(miniBatch: MiniBatch): void {
    for (const { job } of this.#members(miniBatch)) if (!this.#stopped.has(job)) this.#working.add(job);
    if (this.#telling.has(miniBatch) || this.#silent.has(miniBatch)) return;
    const { group } = miniBatch;
    if (this.#request === undefined || this.#request.chosen.has(group)) this.#silent.add(miniBatch);
    else {
      const { firstStage, endStage } = this.#setting.pipelines[this.#live.groups[group]!.pipeline]!;
      const left = endStage - firstStage + (miniBatch.evaluation === undefined ? 0 : 1);
      this.#request.chosen.set(group, miniBatch);
      this.#telling.set(miniBatch, { told: new Map(), left });
    }
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
    this.#working.delete(job);
    this.#stopped.delete(job);
  }

  /** A job was stopped: it has no state that is worth anything from now on. */
  stopped(job: number): void {
    this.#working.delete(job);
    this.#stopped.add(job);
    this.#request?.states.delete(job);
  }

  /** Nothing comes of a job any more; what was told of it counts. */
  lost(job: number): void {
    this.#working.delete(job);
  }

  /** What was asked for, once it is there, by job. */
  take(): ReadonlyMap<number, JobState> | undefined {
    if (this.#request === undefined) return undefined;
    const { awaited, states } = this.#request;
    for (const job of awaited) {
      // One that has made its last step has to end, since its adapter is written then.
      const isThere = (states.get(job)?.step ?? Number.POSITIVE_INFINITY) < (this.#live.jobs[job]?.steps ?? 0);
      if (!isThere && this.#working.has(job)) return undefined;
    }
    this.#request = undefined;
    return states;
  }

  #members({ group, step }: MiniBatch): PlannedGroup["members"] {
    return activeMembers(this.#live.groups, group, step);
  }

  #complete(miniBatch: MiniBatch, { told }: Telling): void {
    if (this.#request?.chosen.get(miniBatch.group) !== miniBatch) return;
    const members = this.#members(miniBatch);
    // Devices may report late: where an evaluation of a later step was before, a later step tells.
    if (members.some(({ job, firstStep }) => (this.#bestOf(job)?.step ?? -1) > firstStep + miniBatch.step)) {
      this.#request.chosen.delete(miniBatch.group);
      return;
    }
    for (const { job, firstStep } of members) {
      const stages = told.get(job);
      if (stages === undefined || this.#stopped.has(job)) continue;
      const all = (part: StatePart): readonly AdapterPair[] => stages.flatMap((parts) => parts[part]);
      this.#request.states.set(job, {
        step: firstStep + miniBatch.step + 1,
        state: { parameters: all("parameters"), firstMoment: all("firstMoment"), secondMoment: all("secondMoment") },
        best: this.#bestOf(job),
      });
    }
  }
}
