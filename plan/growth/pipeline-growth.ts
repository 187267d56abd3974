import { InvariantError, type LazyList, Numbers, PlanError } from "../../core/index.ts";
import { EVALUATION, PLANNED_LETTERS, UPDATE } from "../actions/action.ts";
import { messageBytesPerToken } from "../actions/message-bytes.ts";
import { type MiniBatch, microBatchTokens, type Numbered } from "../actions/mini-batch.ts";
import { letterOf, microBatchOf, type StageOrders } from "../actions/order.ts";
import { growingDurations, type OwnDurations } from "../costs/action-durations.ts";
import type { CostModel } from "../costs/cost-model.ts";
import { normSignals } from "../costs/norm-signal.ts";
import { transferTimes } from "../costs/transfer-times.ts";
import type { PlannedGroup, PlannedJob, PlannedRow } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";
import { stageUnits } from "../memory/stage-units.ts";
import { microBatchUnits } from "../memory/stash.ts";
import { ListScheduler } from "../schedules/list-scheduler.ts";
import { AdapterShares, type GroupJobs } from "./adapter-shares.ts";
import { checkSizes, type WorkSizes, workSizes } from "./check-room.ts";
import { firstStageWork } from "./first-stage-work.ts";

/** Rows of micro-batches, by part. */
type Parts = readonly (readonly PlannedRow[])[];

/** A mini-batch whose micro-batches have slots of the scheduler, and numbers in the plan once it has begun. */
export interface AdmittedMiniBatch extends MiniBatch {
  /** Number of its group in the plan. */
  readonly group: number;
  readonly rows: Parts;
  /** Of its evaluation. */
  readonly evaluatedRows: Parts;
  /** Number of its first micro-batch in the plan; -1 before it has begun. */
  firstNumber: number;
}

/** A micro-batch that the scheduler knows by its slot. */
interface SlotFacts {
  readonly miniBatch: AdmittedMiniBatch;
  readonly units: number;
  readonly tokens: number;
  readonly durations: OwnDurations;
}

interface GroupFacts {
  /** Number in the plan. */
  readonly number: number;
  readonly jobs: GroupJobs;
  readonly clips: (step: number) => boolean;
  /** Steps that are admitted and not taken back. */
  numSteps: number;
  /** Mini-batches whose updates and evaluations are not all ordered. */
  open: number;
}

export interface Admitted {
  readonly number: number;
  readonly group: PlannedGroup;
  readonly jobs: Numbered<PlannedJob>;
  readonly steps: LazyList<Parts>;
  readonly evaluations: LazyList<Parts | undefined>;
  readonly sizes: WorkSizes | undefined;
  readonly clips: (step: number) => boolean;
  readonly after: readonly number[];
}

/** The micro-batches of a mini-batch, and behind them those of its evaluation. */
function numbersOf({ microBatches, evaluation = [] }: MiniBatch): readonly number[] {
  return [...microBatches, ...evaluation];
}

/** One pipeline of a growing plan: its scheduler, with numbers that are used again when what they stood for has ended. */
export class PipelineGrowth {
  readonly #setting: Setting;
  readonly #costs: CostModel;
  readonly #pipeline: number;
  readonly #numStages: number;
  readonly #shares: AdapterShares;
  readonly #scheduler: ListScheduler;
  readonly #slotNumbers = new Numbers();
  readonly #groupNumbers = new Numbers();
  readonly #slots: (SlotFacts | undefined)[] = [];
  /** By the scheduler's number, and from the plan's. */
  readonly #groups: GroupFacts[] = [];
  readonly #groupOf = new Map<number, number>();
  /** Mini-batches by how many of their updates and evaluations are ordered. */
  readonly #updated = new Map<AdmittedMiniBatch, number>();

  constructor(setting: Setting, costs: CostModel, pipeline: number, mostJobs?: number) {
    const { firstStage, endStage } = setting.pipelines[pipeline]!;
    const links = setting.links.slice(firstStage, endStage - 1).map((link) => link!);
    const linkCosts = links.map((link) => costs.linkCost(link));
    const devices = setting.stages.slice(firstStage, endStage).map(({ device }) => setting.devices[device]!);
    const signals = normSignals(devices, links, costs);
    this.#setting = setting;
    this.#costs = costs;
    this.#pipeline = pipeline;
    this.#numStages = endStage - firstStage;
    this.#shares = new AdapterShares(
      setting,
      Array.from({ length: this.#numStages }, (_, at) => firstStage + at),
      (group) => this.#groups[group]!.jobs,
      mostJobs,
    );
    this.#scheduler = new ListScheduler({
      numStages: this.#numStages,
      prefer: setting.schedule === "lorapp" ? "B" : "F",
      isFollowed: true,
      maxInFlight: null,
      durationNs: (stage, letter, slot) => this.#slots[slot]!.durations(firstStage + stage, letter),
      transferNs: (boundary, slot) => {
        const { tokens } = this.#slots[slot]!;
        return transferTimes(linkCosts[boundary]!, tokens * messageBytesPerToken(setting, firstStage + boundary));
      },
      isHalfDuplex: (boundary) => links[boundary]!.duplex === "half",
      signalNs: (stage) => signals[stage]!,
      room: {
        buffers: setting.buffers.slice(firstStage, endStage),
        units: stageUnits(setting).slice(firstStage, endStage),
        unitsOf: (slot) => this.#slots[slot]!.units,
      },
      admission: this.#shares,
      clips: ({ microBatches }) => {
        const { miniBatch } = this.#slots[microBatches[0]!]!;
        return this.#groups[this.#groupOf.get(miniBatch.group)!]!.clips(miniBatch.step);
      },
    });
  }

  get nowNs(): number {
    return this.#scheduler.nowNs;
  }

  /** @throws PlanError for work that is larger than the room of the pipeline */
  admit({ number, group, jobs, steps, evaluations, sizes, clips, after }: Admitted): void {
    this.#checkRoom(
      group.members.map(({ job }) => jobs[job]!),
      sizes ?? workSizes([...steps, ...evaluations].flatMap((parts) => parts ?? [])),
    );
    const own = this.#groupNumbers.take();
    this.#groupOf.set(number, own);
    const facts: GroupFacts = {
      number,
      clips,
      numSteps: steps.length,
      open: steps.length,
      jobs: {
        all: new Map(group.members.map(({ job }) => [job, jobs[job]!])),
        ended: () =>
          group.members.flatMap(({ job, firstStep }) => (firstStep + facts.numSteps >= jobs[job]!.steps ? [job] : [])),
      },
    };
    this.#groups[own] = facts;
    const durationsOf = growingDurations({ ...this.#setting, groups: { [number]: group }, jobs }, this.#costs);
    const durations = (step: number, part: number, rows: readonly PlannedRow[]): OwnDurations =>
      durationsOf({ index: 0, group: number, step, part, after: [], rows: [...rows] });
    const { firstStage } = this.#setting.pipelines[this.#pipeline]!;
    let next = 0;
    let workNs: number | undefined;
    this.#scheduler.expect(
      own,
      {
        count: steps.length,
        make: () => {
          const step = next;
          next += 1;
          const [rows, evaluatedRows] = [steps.at(step)!, evaluations.at(step) ?? []];
          return this.#take({ group: number, step, rows, evaluatedRows }, own, durations);
        },
        workNs: () => {
          workNs ??= firstStageWork(steps, evaluations, sizes !== undefined, (step, letter, rows) =>
            durations(step, 0, rows)(firstStage, PLANNED_LETTERS.indexOf(letter)),
          );
          return workNs;
        },
      },
      after.flatMap((other) => this.#groupOf.get(other) ?? []),
    );
  }

  /** A mini-batch is due: its micro-batches take slots. The scheduler knows it by its group's own number. */
  #take(
    { group, step, rows, evaluatedRows }: Pick<AdmittedMiniBatch, "group" | "step" | "rows" | "evaluatedRows">,
    own: number,
    durations: (step: number, part: number, rows: readonly PlannedRow[]) => OwnDurations,
  ): MiniBatch {
    const microBatches = rows.map(() => this.#slotNumbers.take());
    const evaluation = evaluatedRows.map(() => this.#slotNumbers.take());
    const slots = evaluation.length === 0 ? { microBatches } : { microBatches, evaluation };
    const miniBatch: AdmittedMiniBatch = { group, step, ...slots, rows, evaluatedRows, firstNumber: -1 };
    const numbers = numbersOf(miniBatch);
    [...rows, ...evaluatedRows].forEach((part, at) => {
      const microBatch = { rows: [...part] };
      this.#slots[numbers[at]!] = {
        miniBatch,
        units: microBatchUnits(microBatch),
        tokens: microBatchTokens(microBatch),
        durations: durations(step, at, part),
      };
    });
    return { group: own, step, ...slots };
  }

  /** Takes back the mini-batches of a group that have not begun; how many they are. */
  withdraw(number: number): number {
    const own = this.#groupOf.get(number);
    if (own === undefined) return 0;
    // What is left of it decides which jobs end with it, where it ends at once.
    const facts = this.#groups[own]!;
    let numLeft = 0;
    const made = this.#scheduler.withdraw(own, (count) => {
      numLeft = count;
      facts.numSteps -= count;
      facts.open -= count;
    });
    for (const miniBatch of made) this.#giveBack(miniBatch);
    return numLeft;
  }

  /** What a slot knows keeps rows, and a slot may not be taken again for long. */
  #giveBack(miniBatch: MiniBatch): void {
    for (const slot of numbersOf(miniBatch)) {
      this.#slotNumbers.giveBack(slot);
      this.#slots[slot] = undefined;
    }
  }

  /** A job that is in no group any more gives its room back. */
  release(job: number): void {
    this.#shares.release(job);
  }

  isActive(number: number): boolean {
    const own = this.#groupOf.get(number);
    return own !== undefined && this.#scheduler.isActive(own);
  }

  /** Steps of a group that have begun; those that it was admitted with where it is over. */
  numBegun(number: number): number {
    const own = this.#groupOf.get(number);
    if (own === undefined) throw new InvariantError({ expected: "a group that is not over", got: number });
    return this.#groups[own]!.numSteps - this.#scheduler.numLeft(own);
  }

  /** The first of the first stage's actions that have not passed has really ended. */
  pass(): void {
    this.#scheduler.pass();
  }

  /** Orders of the pipeline's stages up to a time, with slots in place of micro-batches. */
  advance(untilNs: number): StageOrders {
    this.#scheduler.advance(untilNs);
    return this.#orders();
  }

  /** The same, as far ahead of what has passed as `ListScheduler.advanceAhead` says. */
  advanceAhead(leastNs: number, mostNs: number): StageOrders {
    this.#scheduler.advanceAhead(leastNs, mostNs);
    return this.#orders();
  }

  #orders(): StageOrders {
    const orders = this.#scheduler.take();
    for (const order of orders)
      for (const action of order) {
        if (letterOf(action) !== UPDATE && letterOf(action) !== EVALUATION) continue;
        const { miniBatch } = this.#slots[microBatchOf(action)]!;
        this.#updated.set(miniBatch, (this.#updated.get(miniBatch) ?? 0) + 1);
      }
    return orders;
  }

  miniBatchOf(slot: number): AdmittedMiniBatch {
    return this.#slots[slot]!.miniBatch;
  }

  /** Gives back the numbers of what has been ordered to its end; the plan's numbers of groups that are over. */
  forget(): readonly number[] {
    for (const [miniBatch, count] of this.#updated) {
      if (count < this.#numStages * (1 + miniBatch.evaluatedRows.length)) continue;
      this.#updated.delete(miniBatch);
      this.#giveBack(miniBatch);
      this.#groups[this.#groupOf.get(miniBatch.group)!]!.open -= 1;
    }
    const over: number[] = [];
    for (const [number, own] of this.#groupOf) {
      if (this.#groups[own]!.open > 0 || this.#scheduler.isActive(own)) continue;
      this.#groupOf.delete(number);
      this.#groupNumbers.giveBack(own);
      over.push(number);
    }
    return over;
  }

  #checkRoom(jobs: readonly PlannedJob[], sizes: WorkSizes): void {
    checkSizes(this.#setting, this.#pipeline, { jobs, sizes });
    const stage = this.#shares.tooLarge(jobs);
    if (stage !== undefined)
      throw new PlanError({
        expected: `a group whose adapters fit into the room for them on stage ${stage}`,
        got: jobs.map(({ name }) => name),
      });
  }
}
