import { InvariantError, type LazyList } from "../../core/index.ts";
import { type Action, FORWARD, formatAction } from "../actions/action.ts";
import { clips } from "../actions/dependencies.ts";
import { activeMembers } from "../actions/mini-batch.ts";
import { actionOf, letterOf, microBatchOf, type StageOrders } from "../actions/order.ts";
import { sealSegment, settingHash } from "../actions/segments.ts";
import type { CostModel } from "../costs/cost-model.ts";
import type { MicroBatch, PlannedGroup, PlannedJob, PlannedRow, Segment, Work } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";
import type { WorkSizes } from "./check-room.ts";
import { type AdmittedMiniBatch, PipelineGrowth } from "./pipeline-growth.ts";

/** Jobs that share micro-batches, with the rows that they share them in. */
export interface AdmittedGroup {
  /** Its `endStep`s are the steps that its members would train up to if the group stayed as it is. */
  readonly group: PlannedGroup;
  /** By the group's step and part: the rows of a micro-batch (`partsOfStep`). A step is asked for when it is due. */
  readonly steps: LazyList<readonly (readonly PlannedRow[])[]>;
  /** By the group's step, what is evaluated after it, part by part; no entry for a step after which nothing is. */
  readonly evaluations?: LazyList<readonly (readonly PlannedRow[])[] | undefined>;
  /** The largest of all these, so that none has to be cut before it is due; all are looked at when absent. */
  readonly sizes?: WorkSizes;
  /** Groups that have trained its members so far, and were taken back; it begins when what they had begun has ended. */
  readonly after?: readonly number[];
}

interface GroupState {
  readonly group: PlannedGroup;
  readonly growth: PipelineGrowth;
  /** The group's next step that is not admitted. */
  nextStep: number;
}

/**
 * A plan that grows: jobs are admitted, groups taken back and made anew, and what has been ordered up to a time is taken
 * as the next segment. A segment goes on from the state in flight: nothing drains because a job joins or leaves, only a
 * group whose members change waits for what they have begun. Which segments there are follows from the times that they
 * are cut at, the work in them does not. Each pipeline has a clock of its own, the planner's.
 */
export class GrowingPlan {
  readonly #setting: Setting;
  readonly #pipelines: readonly PipelineGrowth[];
  readonly #jobs = new Map<number, PlannedJob>();
  readonly #groups = new Map<number, GroupState>();
  /** By job, the micro-batch that ends its last mini-batch that has a number. */
  readonly #lastEnds = new Map<number, number>();
  #newJobs: PlannedJob[] = [];
  #newGroups: PlannedGroup[] = [];
  #numJobs = 0;
  #numGroups = 0;
  #numMicroBatches = 0;
  #numSegments = 0;
  #previous: string;

  /**
   * `jobsAtOnce`: the most jobs that train at once on a pipeline, where not as many as there is room for. With room for
   * more adapters than these an executor makes the next ones before the last have ended.
   * @throws InvariantError for a schedule whose groups do not fill the pipeline together, or slots that are placed
   */
  constructor(setting: Setting, costs: CostModel, { jobsAtOnce }: { readonly jobsAtOnce?: number } = {}) {
    const { schedule, pipelines, slots } = setting;
    if (schedule !== "lorapp" && schedule !== "lorapp-gpipe")
      throw new InvariantError({ expected: "a schedule that interleaves groups", got: schedule });
    if (slots !== "first-fit") throw new InvariantError({ expected: "slots that need no look ahead", got: slots });
    this.#setting = setting;
    this.#previous = settingHash(setting);
    this.#pipelines = pipelines.map((_, pipeline) => new PipelineGrowth(setting, costs, pipeline, jobsAtOnce));
  }

  /** Up to when the orders of a pipeline are made, in nanoseconds of its clock. */
  nowNs(pipeline: number): number {
    return this.#pipelines[pipeline]!.nowNs;
  }

  /** A new job; its number in the plan. */
  addJob(job: PlannedJob): number {
    const number = this.#numJobs;
    this.#numJobs += 1;
    this.#jobs.set(number, job);
    this.#newJobs.push(job);
    return number;
  }

  /**
   * Admits a group of jobs that are there; its number in the plan. Its mini-batches may begin from now on.
   * @throws PlanError for work that is larger than its pipeline's room
   */
  admit({ group, steps, evaluations = [], sizes, after = [] }: AdmittedGroup): number {
    const number = this.#numGroups;
    this.#numGroups += 1;
    const growth = this.#pipelines[group.pipeline]!;
    const jobs = Object.fromEntries(group.members.map(({ job }) => [job, this.#jobOf(job)]));
    growth.admit({
      number,
      group,
      jobs,
      steps,
      evaluations,
      sizes,
      clips: (step) => clips({ groups: { 0: group }, jobs }, { group: 0, step }),
      after,
    });
    this.#groups.set(number, { group, growth, nextStep: steps.length });
    this.#newGroups.push(group);
    return number;
  }

  /** Takes back what of a group has not begun; the step of the group that it begins with. */
  withdraw(group: number): number {
    const state = this.#groups.get(group);
    if (state === undefined) throw new InvariantError({ expected: "a group that has not ended", got: group });
    state.nextStep -= state.growth.withdraw(group);
    return state.nextStep;
  }

  /** A job whose groups have all been taken back, or ended, is taken from its pipeline's devices: others have its room. */
  release(pipeline: number, job: number): void {
    this.#pipelines[pipeline]!.release(job);
  }

  /** A job that was released is over before its last step. */
  drop(job: number): void {
    this.#jobs.delete(job);
    this.#lastEnds.delete(job);
  }

  /** Whether a group has anything that has begun and not ended, or that may begin, on its pipeline's first stage. */
  isActive(group: number): boolean {
    return this.#groups.get(group)?.growth.isActive(group) ?? false;
  }

  /** Steps of a group that have begun, counted from the group's first; the group has not ended. */
  numBegun(group: number): number {
    return this.#groups.get(group)!.growth.numBegun(group);
  }

  /**
   * Makes the orders of a pipeline up to a time, and takes them as the next segment of the plan; undefined where there
   * is nothing new.
   */
  advance(pipeline: number, untilNs: number): Segment | undefined {
    return this.#take(pipeline, this.#pipelines[pipeline]!.advance(untilNs));
  }

  /** The first action of a pipeline's first stage that has not passed has really ended. */
  pass(pipeline: number): void {
    this.#pipelines[pipeline]!.pass();
  }

  /** The next segment, as far ahead of what has passed as `ListScheduler.advanceAhead` says. */
  advanceAhead(pipeline: number, leastNs: number, mostNs: number): Segment | undefined {
    return this.#take(pipeline, this.#pipelines[pipeline]!.advanceAhead(leastNs, mostNs));
  }

  #take(pipeline: number, orders: StageOrders): Segment | undefined {
    const { stages } = this.#setting;
    const { firstStage } = this.#setting.pipelines[pipeline]!;
    const microBatches: MicroBatch[] = [];
    for (const action of orders[0]!)
      if (letterOf(action) === FORWARD)
        this.#number(this.#pipelines[pipeline]!.miniBatchOf(microBatchOf(action)), microBatches);
    const actions = stages.map((): string[] => []);
    orders.forEach((order, at) => {
      const keys = actions[firstStage + at]!;
      for (const action of order) keys.push(this.#keyOf(pipeline, actionOf(firstStage + at, action)));
    });
    const work: Work = { jobs: this.#newJobs, groups: this.#newGroups, microBatches, actions };
    if (work.jobs.length + work.groups.length === 0 && orders.every((order) => order.length === 0)) return undefined;
    this.#newJobs = [];
    this.#newGroups = [];
    for (const number of this.#pipelines[pipeline]!.forget()) this.#groups.delete(number);
    const segment = sealSegment(work, this.#numSegments, this.#previous);
    this.#numSegments += 1;
    this.#previous = segment.hash;
    return segment;
  }

  #jobOf(job: number): PlannedJob {
    const known = this.#jobs.get(job);
    if (known === undefined) throw new InvariantError({ expected: "a job that has not ended", got: job });
    return known;
  }

  /** Numbers the micro-batches of a mini-batch that begins; those of one that has a number have theirs. */
  #number(miniBatch: AdmittedMiniBatch, into: MicroBatch[]): void {
    if (miniBatch.firstNumber >= 0) return;
    const { group, step, rows, evaluatedRows } = miniBatch;
    const members = activeMembers({ [group]: this.#groups.get(group)!.group }, group, step);
    const ends = members.flatMap(({ job }) => this.#lastEnds.get(job) ?? []);
    const after = [...new Set(ends)].sort((a, b) => a - b);
    miniBatch.firstNumber = this.#numMicroBatches;
    rows.forEach((part, index) => {
      into.push({ index: this.#numMicroBatches, group, step, part: index, after, rows: [...part] });
      this.#numMicroBatches += 1;
    });
    const end = this.#numMicroBatches - 1;
    evaluatedRows.forEach((part, index) => {
      const own = { index: this.#numMicroBatches, group, step, part: index, evaluation: true } as const;
      into.push({ ...own, after: [end], rows: [...part] });
      this.#numMicroBatches += 1;
    });
    for (const { job, firstStep } of members) {
      if (firstStep + step === this.#jobOf(job).steps - 1) {
        this.#jobs.delete(job);
        this.#lastEnds.delete(job);
      } else this.#lastEnds.set(job, end);
    }
  }

  #keyOf(pipeline: number, { stage, letter, microBatch }: Action): string {
    const miniBatch = this.#pipelines[pipeline]!.miniBatchOf(microBatch);
    const { microBatches, evaluation = [], firstNumber } = miniBatch;
    const part =
      letter === "E" ? microBatches.length + evaluation.indexOf(microBatch) : microBatches.indexOf(microBatch);
    return formatAction({ stage, letter, microBatch: firstNumber + part });
  }
}
