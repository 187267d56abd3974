import { Fifo, InvariantError } from "../../core/index.ts";
import { parseAction } from "../actions/action.ts";
import type { CostModel } from "../costs/cost-model.ts";
import type { Segment } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";
import { GrowingPlan } from "../growth/growing-plan.ts";
import { FleetGroups, type Sharing } from "./fleet-groups.ts";
import type { JobRequest } from "./fleet-job.ts";
import type { FleetWork } from "./fleet-work.ts";
import type { AskedEvent, Decision, FleetEvent, JournalLine } from "./journal.ts";
import type { Scheduler } from "./scheduler.ts";

/**
 * Nanoseconds of work, by the planner's times, that every stage has in its queue at least beyond the end of its
 * pipeline's next action; and those that it is given when it has less. A decision takes effect behind them.
 */
export const QUEUED = { leastNs: 50e6, mostNs: 75e6 } as const;

/** Of an action that ends no iteration. */
const NONE: readonly number[] = [];

/** A piece of the plan that is due, with the jobs that are new in it, in its order. */
export interface FleetPiece {
  readonly segment: Segment;
  readonly newJobs: readonly number[];
}

/** What follows of what has happened. */
export interface FleetStep {
  /** What was decided, where there was something to decide. */
  readonly lines: readonly JournalLine[];
  /** Jobs that are taken from their devices, as soon as what they had begun has ended there. */
  readonly taken: readonly number[];
  readonly pieces: readonly FleetPiece[];
}

/** What of a job is in the plan while it is on a pipeline. */
interface Placed {
  readonly pipeline: number;
  /** Steps after which it leaves, where it is to: those behind them were taken back. */
  leavesAfter: number | undefined;
}

interface FleetMember {
  readonly work: FleetWork;
  /** Its number in the plan, once it has one. */
  planned: number | undefined;
  done: number;
  placed: Placed | undefined;
}

export interface FleetPlanInput {
  readonly setting: Setting;
  readonly costs: CostModel;
  readonly scheduler: Scheduler;
  /** Events that follow from an iteration of a job that has ended, but not its last. */
  readonly follow?: (number: number, done: number) => readonly FleetEvent[];
  /** Jobs that train together share micro-batches; every job has its own when absent. */
  readonly sharing?: Sharing | undefined;
  /** Jobs that came before it, to a fleet that was cut off: those that come now are numbered from there. */
  readonly numBefore?: number;
}

/**
 * Jobs over time as a plan that grows: takes what has happened (an action of a pipeline's first stage has ended, a job
 * has come, somebody has asked for something), has the scheduler decide where a decision is due, and makes the next
 * segments of the plan. Simulator and executor drive the same machine: its answers follow from the order of what
 * happens alone.
 */
export class FleetPlan {
  readonly #growing: GrowingPlan;
  readonly #groups: FleetGroups;
  readonly #scheduler: Scheduler;
  readonly #follow: (number: number, done: number) => readonly FleetEvent[];
  readonly #members = new Map<number, FleetMember>();
  /** By pipeline, actions of its first stage that have not ended: the jobs that end an iteration with it. */
  readonly #due: readonly Fifo<readonly number[]>[];
  readonly #firstStages: readonly number[];
  /** Jobs by the last micro-batch of an iteration that has begun. */
  readonly #jobsOfIteration = new Map<number, readonly number[]>();
  /** Jobs that are new in the next segment. */
  #newJobs: number[] = [];
  /** What waits for the next decision: what has come from outside, and iterations that have ended. */
  #asked: FleetEvent[] = [];
  readonly #moved = new Map<number, number>();
  readonly #jobsOn: number[];
  #numJobs: number;

  constructor({ setting, costs, scheduler, follow = () => [], sharing, numBefore = 0 }: FleetPlanInput) {
    this.#numJobs = numBefore;
    this.#growing = new GrowingPlan(setting, costs);
    this.#groups = new FleetGroups(setting, this.#growing, sharing);
    this.#scheduler = scheduler;
    this.#follow = follow;
    this.#due = setting.pipelines.map(() => new Fifo());
    this.#firstStages = setting.pipelines.map(({ firstStage }) => firstStage);
    this.#jobsOn = setting.pipelines.map(() => 0);
  }

  /** A job has come: its number, which follows from the order of arrival. It waits for the next decision (`decideIfIdle`). */
  submit(work: FleetWork, request: JobRequest, predicted = request.iterations): number {
    const number = this.#numJobs;
    this.#numJobs += 1;
    this.#members.set(number, { work, planned: undefined, done: 0, placed: undefined });
    this.#asked.push({ kind: "arrived", number, request, predicted });
    return number;
  }

  /** A job that had come to a fleet before this plan is there again. It waits for the next decision. */
  restore(work: FleetWork, event: Extract<FleetEvent, { kind: "restored" }>): void {
    const { number, done } = event;
    this.#members.set(number, { work, planned: undefined, done, placed: undefined });
    this.#asked.push(event);
  }

  /** Somebody has asked for something, of a job that has not ended. It waits for the next decision. */
  ask(event: AskedEvent): void {
    this.#memberOf(event.number);
    this.#asked.push(event);
  }

  /** What was asked for, and waits for the next decision. */
  get pending(): readonly FleetEvent[] {
    return this.#asked;
  }

  /** Jobs that are to train, the soonest first. */
  coming(): Iterable<number> {
    return this.#scheduler.coming();
  }

  /** Whether a job has come and not ended. */
  has(number: number): boolean {
    return this.#members.has(number);
  }

  /** Whether no job is there that has not ended. */
  get isOver(): boolean {
    return this.#members.size === 0;
  }

  /** A decision, where something waits for one and a pipeline has nothing to do. */
  decideIfIdle(atNs: number): FleetStep | undefined {
    if (this.#asked.length === 0 || !this.#jobsOn.includes(0)) return undefined;
    return this.#step(atNs, [], new Set());
  }

  /** The next action of a pipeline's first stage has ended. */
  passed(pipeline: number, atNs: number): FleetStep {
    this.#growing.pass(pipeline);
    const ended = this.#due[pipeline]!.take();
    if (ended === undefined) throw new InvariantError({ expected: "an action that is due", got: pipeline });
    const touched = new Set([pipeline]);
    const events = ended.length === 0 ? undefined : this.#iterationsEnded(ended);
    if (events !== undefined) return this.#step(atNs, events, touched);
    this.#groups.goOn(pipeline);
    return { lines: [], taken: [], pieces: this.#pieces(touched) };
  }

  /** Events of the end of an iteration of some jobs, where they are to be decided on. */
  #iterationsEnded(numbers: readonly number[]): readonly FleetEvent[] | undefined {
    const between = new Set<number>();
    const over: number[] = [];
    const follows: FleetEvent[] = [];
    let isDue = this.#asked.length > 0;
    for (const number of numbers) {
      const member = this.#memberOf(number);
      member.done += 1;
      const { done } = member;
      this.#moved.set(number, done);
      if (done === member.work.job.steps) over.push(number);
      else {
        if (this.#endOfBegun(number, member) === done) between.add(number);
        follows.push(...this.#follow(number, done));
        isDue ||= between.has(number) && member.placed!.leavesAfter !== undefined;
      }
    }
    isDue ||= over.length > 0 || follows.length > 0;
    if (!isDue && this.#scheduler.watches !== "iterations") return undefined;
    const progress = [...this.#moved].map(([number, done]): FleetEvent => {
      return { kind: "progress", number, done, between: between.has(number) };
    });
    this.#moved.clear();
    for (const number of over) {
      const member = this.#memberOf(number);
      this.#leave(member);
      this.#forget(number, member);
    }
    return [...progress, ...over.map((number) => ({ kind: "ended", number }) as const), ...follows];
  }

  /** The job's step behind those that have begun. */
  #endOfBegun(number: number, { placed }: FleetMember): number {
    return placed!.leavesAfter ?? this.#groups.endOfBegun(number);
  }

  #step(atNs: number, happened: readonly FleetEvent[], touched: Set<number>): FleetStep {
    // What was asked of a job that has ended by itself meanwhile is void.
    let events = [...happened, ...this.#asked.filter(({ number }) => this.#members.has(number))];
    this.#asked = [];
    const lines: JournalLine[] = [];
    const taken: number[] = [];
    do {
      const line = this.#scheduler.trigger(atNs, events);
      lines.push(line);
      for (const decision of line.decisions) {
        if (this.#carryOut(decision)) taken.push(decision.number);
        if (decision.pipeline !== undefined) touched.add(decision.pipeline);
      }
      // Who is to leave and has nothing begun leaves at once.
      events = line.decisions.flatMap(({ kind, number }): FleetEvent[] => {
        if (kind !== "leave") return [];
        const member = this.#memberOf(number);
        if (member.placed!.leavesAfter !== member.done) return [];
        return [{ kind: "progress", number, done: member.done, between: true }];
      });
    } while (events.length > 0);
    for (const pipeline of touched) this.#groups.form(pipeline);
    return { lines, taken, pieces: this.#pieces(touched) };
  }

  /** Makes the plan follow a decision; whether its job is taken from its devices. */
  #carryOut({ kind, number, pipeline }: Decision): boolean {
    const member = this.#memberOf(number);
    switch (kind) {
      case "start":
      case "resume":
        this.#place(number, member, pipeline!, member.done);
        return false;
      case "leave":
        member.placed!.leavesAfter = this.#groups.withdraw(number);
        return false;
      case "stay": {
        const { pipeline: own, leavesAfter } = member.placed!;
        this.#leave(member);
        this.#place(number, member, own, leavesAfter!);
        return false;
      }
      case "preempt":
      case "stop":
      case "refuse": {
        const { placed } = member;
        if (placed !== undefined) {
          if (placed.leavesAfter === undefined) this.#groups.withdraw(number);
          this.#growing.release(placed.pipeline, member.planned!);
          this.#leave(member);
        }
        if (kind !== "preempt") this.#forget(number, member);
        return placed !== undefined;
      }
    }
  }

  /** A job trains on a pipeline from a step on. */
  #place(number: number, member: FleetMember, pipeline: number, firstStep: number): void {
    const { work, done } = member;
    if (member.planned === undefined) {
      member.planned = this.#growing.addJob(done === 0 ? work.job : { ...work.job, firstStep: done });
      this.#newJobs.push(number);
    }
    this.#groups.place(number, work, member.planned, pipeline, firstStep);
    this.#jobsOn[pipeline]! += 1;
    member.placed = { pipeline, leavesAfter: undefined };
  }

  #leave(member: FleetMember): void {
    this.#jobsOn[member.placed!.pipeline]! -= 1;
    member.placed = undefined;
  }

  #forget(number: number, { planned }: FleetMember): void {
    this.#members.delete(number);
    // One that leaves in the middle of a decision may have ended iterations that were not told.
    this.#moved.delete(number);
    if (planned === undefined) return;
    this.#growing.drop(planned);
    this.#groups.drop(number);
  }

  #memberOf(number: number): FleetMember {
    const member = this.#members.get(number);
    if (member === undefined) throw new InvariantError({ expected: "a job that has not ended", got: number });
    return member;
  }

  #pieces(pipelines: Iterable<number>): readonly FleetPiece[] {
    return [...pipelines].flatMap((pipeline) => {
      const segment = this.#growing.advanceAhead(pipeline, QUEUED.leastNs, QUEUED.mostNs);
      if (segment === undefined) return [];
      this.#await(pipeline, segment);
      return [{ segment, newJobs: this.#newJobs.splice(0) }];
    });
  }

  /** What is to end on a pipeline's first stage. An iteration ends with its update, or its evaluation behind that. */
  #await(pipeline: number, { microBatches, actions }: Segment): void {
    microBatches.forEach(({ index, group, step }, at) => {
      const next = microBatches[at + 1];
      if (next?.group !== group || next.step !== step)
        this.#jobsOfIteration.set(index, this.#groups.jobsOf(group, step));
    });
    for (const key of actions[this.#firstStages[pipeline]!]!) {
      const { letter, microBatch } = parseAction(key);
      const ending = letter === "U" || letter === "E" ? this.#jobsOfIteration.get(microBatch) : undefined;
      this.#due[pipeline]!.add(ending ?? NONE);
      if (ending !== undefined) this.#jobsOfIteration.delete(microBatch);
    }
  }
}
