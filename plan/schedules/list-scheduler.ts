import { DueSlots, InvariantError } from "../../core/index.ts";
import type { Action, PlannedLetter } from "../action.ts";
import type { MiniBatch } from "../mini-batch.ts";
import { Admission } from "./admission.ts";
import { Fifo } from "./fifo.ts";
import { type Orders, type ScheduleInput, updateOf } from "./schedule-input.ts";

/** What never changes while a list scheduler runs: stages, times, limits. */
export interface ListSetting extends Omit<ScheduleInput, "miniBatches"> {
  /** Which of forward and backward an idle stage takes first. */
  readonly prefer: "F" | "B";
}

interface StageState {
  running: Action | undefined;
  readonly forwards: Fifo<number>;
  readonly backwards: Fifo<number>;
  readonly updates: Fifo<MiniBatch>;
  inFlight: number;
  /** Backwards that have ended of each group's mini-batch; a group has one at a time. */
  readonly backwardsDone: number[];
}

/** Messages on their way over one lane, first in, first out. */
interface Lane {
  readonly slot: number;
  freeNs: number;
  readonly arrivals: Fifo<{ readonly timeNs: number; readonly microBatch: number }>;
}

interface GroupState {
  readonly miniBatches: MiniBatch[];
  /** The mini-batch that enters stage 0 next, or is entering it, and its next part. */
  next: number;
  part: number;
}

/**
 * LoRAPP as list scheduling (paper.md section 3): every idle stage takes the preferred letter first from its arrival
 * queues, first come, first served; stage 0 takes its forward from the group that has been ready longest; a group is
 * ready again when the last backward of its mini-batch has ended on stage 0. Updates go first: they are short and free
 * the next mini-batch. Idle stages choose only after all events of an instant are in.
 *
 * It is a machine with a state: mini-batches may be admitted while others are in flight, and orders are taken piece by
 * piece. What it does up to a time follows from what was admitted before that time alone.
 */
export class ListScheduler {
  readonly #setting: ListSetting;
  readonly #letters: readonly ("F" | "B")[];
  readonly #last: number;
  readonly #limit: number;
  readonly #stages: readonly StageState[];
  readonly #lanes: readonly Lane[];
  /** In the order in which an instant is applied: ends of the stages' actions, then arrivals, up and down of each boundary. */
  readonly #due: DueSlots;
  readonly #groups: GroupState[] = [];
  readonly #admission: Admission;
  /** Groups with a mini-batch to enter, the one that has been ready longest first. */
  readonly #ready = new Fifo<number>();
  /** By micro-batch. */
  readonly #owner: MiniBatch[] = [];
  /** Stages that something has changed for since they chose last. */
  readonly #changed: Uint32Array;
  readonly #isChanged: Uint8Array;
  #numChanged = 0;
  /** Activation memory in flight on the first stage. */
  #held = 0;
  #nowNs = 0;
  #orders: Action[][];

  constructor(setting: ListSetting) {
    const { numStages, maxInFlight, prefer, admission } = setting;
    this.#setting = setting;
    this.#letters = prefer === "B" ? ["B", "F"] : ["F", "B"];
    this.#last = numStages - 1;
    this.#limit = maxInFlight ?? Number.POSITIVE_INFINITY;
    this.#stages = Array.from(
      { length: numStages },
      (): StageState => ({
        running: undefined,
        forwards: new Fifo(),
        backwards: new Fifo(),
        updates: new Fifo(),
        inFlight: 0,
        backwardsDone: [],
      }),
    );
    this.#due = new DueSlots(numStages + 2 * this.#last);
    this.#lanes = Array.from(
      { length: 2 * this.#last },
      (_, at): Lane => ({ slot: numStages + at, freeNs: 0, arrivals: new Fifo() }),
    );
    this.#admission = new Admission(admission);
    this.#changed = new Uint32Array(numStages);
    this.#isChanged = new Uint8Array(numStages);
    this.#orders = this.#stages.map(() => []);
  }

  /** Up to when it has run. */
  get nowNs(): number {
    return this.#nowNs;
  }

  /** Adds mini-batches behind those that their groups have. They may begin from now on. */
  admit(miniBatches: readonly MiniBatch[]): void {
    for (const miniBatch of miniBatches) {
      const { group, microBatches } = miniBatch;
      for (const microBatch of microBatches) this.#owner[microBatch] = miniBatch;
      const state = this.#groups[group];
      if (state === undefined) {
        if (group !== this.#groups.length)
          throw new InvariantError({ expected: `group ${this.#groups.length} to be admitted next`, got: group });
        this.#groups.push({ miniBatches: [miniBatch], next: 0, part: 0 });
        for (const { backwardsDone } of this.#stages) backwardsDone.push(0);
        this.#admission.wait(group);
      } else {
        if (state.next === state.miniBatches.length) this.#admission.wait(group);
        state.miniBatches.push(miniBatch);
      }
    }
  }

  /** Runs all that happens up to a time, that time included. */
  advance(untilNs: number): void {
    this.#begin();
    this.#chooseAll();
    for (
      let nextNs = this.#due.nextNs();
      nextNs <= untilNs && nextNs < Number.POSITIVE_INFINITY;
      nextNs = this.#due.nextNs()
    ) {
      this.#nowNs = nextNs;
      while (this.#due.nextNs() === nextNs) {
        const slot = this.#due.take()!;
        if (slot < this.#setting.numStages) this.#finish(slot);
        else this.#receive(this.#lanes[slot - this.#setting.numStages]!);
      }
      this.#chooseAll();
    }
    if (untilNs < Number.POSITIVE_INFINITY) this.#nowNs = Math.max(this.#nowNs, untilNs);
  }

  /** The actions that each stage has begun since the last time, in order. */
  take(): Orders {
    const orders = this.#orders;
    this.#orders = this.#stages.map(() => []);
    return orders;
  }

  /** Groups that may train now become ready. */
  #begin(): void {
    for (const group of this.#admission.begin((each) => this.#workOf(each))) {
      this.#ready.add(group);
      this.#change(0);
    }
  }

  /** Nanoseconds on the first stage of what a group has to do. */
  #workOf(group: number): number {
    const { miniBatches, next } = this.#groups[group]!;
    let ns = 0;
    for (let at = next; at < miniBatches.length; at += 1)
      for (const microBatch of miniBatches[at]!.microBatches)
        ns += this.#setting.durationNs(0, "F", microBatch) + this.#setting.durationNs(0, "B", microBatch);
    return ns;
  }

  #change(stage: number): void {
    if (this.#isChanged[stage] === 1) return;
    this.#isChanged[stage] = 1;
    this.#changed[this.#numChanged] = stage;
    this.#numChanged += 1;
  }

  #send(lane: Lane, boundary: number, microBatch: number): void {
    const { arrival, occupied } = this.#setting.transferNs(boundary, microBatch);
    const start = Math.max(lane.freeNs, this.#nowNs);
    lane.freeNs = start + occupied;
    if (lane.arrivals.first === undefined) this.#due.add(lane.slot, start + arrival);
    lane.arrivals.add({ timeNs: start + arrival, microBatch });
  }

  #receive(lane: Lane): void {
    const at = lane.slot - this.#setting.numStages;
    const boundary = Math.floor(at / 2);
    const stage = at % 2 === 0 ? boundary + 1 : boundary;
    const queue = at % 2 === 0 ? this.#stages[stage]!.forwards : this.#stages[stage]!.backwards;
    let first = lane.arrivals.first;
    for (; first !== undefined && first.timeNs <= this.#nowNs; first = lane.arrivals.first) {
      queue.add(first.microBatch);
      lane.arrivals.take();
    }
    this.#change(stage);
    if (first !== undefined) this.#due.add(lane.slot, first.timeNs);
  }

  #finish(stage: number): void {
    const state = this.#stages[stage]!;
    const { letter, microBatch } = state.running!;
    state.running = undefined;
    this.#change(stage);
    if (letter === "F") {
      if (stage === this.#last) state.backwards.add(microBatch);
      else this.#send(this.#lanes[2 * stage]!, stage, microBatch);
    } else if (letter === "B") this.#finishBackward(stage, microBatch);
  }

  #finishBackward(stage: number, microBatch: number): void {
    const { activations, clips } = this.#setting;
    const state = this.#stages[stage]!;
    state.inFlight -= 1;
    if (stage > 0) this.#send(this.#lanes[2 * stage - 1]!, stage - 1, microBatch);
    else if (activations !== undefined) this.#held -= activations.sizeOf(microBatch);
    const miniBatch = this.#owner[microBatch]!;
    const { group, microBatches } = miniBatch;
    state.backwardsDone[group]! += 1;
    if (state.backwardsDone[group] !== microBatches.length) return;
    state.backwardsDone[group] = 0;
    const isClipped = clips(miniBatch);
    if (stage === 0 || !isClipped) state.updates.add(miniBatch);
    if (stage > 0) return;
    if (isClipped) {
      for (let other = 1; other <= this.#last; other += 1) {
        this.#stages[other]!.updates.add(miniBatch);
        this.#change(other);
      }
    }
    this.#endMiniBatch(group);
  }

  #endMiniBatch(group: number): void {
    const state = this.#groups[group]!;
    state.next += 1;
    state.part = 0;
    if (state.next < state.miniBatches.length) this.#ready.add(group);
    else {
      this.#admission.end(group);
      this.#begin();
    }
  }

  #chooseAll(): void {
    for (let at = 0; at < this.#numChanged; at += 1) {
      this.#isChanged[this.#changed[at]!] = 0;
      this.#start(this.#changed[at]!);
    }
    this.#numChanged = 0;
  }

  #start(stage: number): void {
    const state = this.#stages[stage]!;
    if (state.running !== undefined) return;
    const next = this.#choose(stage);
    if (next === undefined) return;
    state.running = next;
    if (next.letter === "F") state.inFlight += 1;
    this.#due.add(stage, this.#nowNs + this.#setting.durationNs(stage, next.letter, next.microBatch));
    this.#orders[stage]!.push(next);
  }

  #choose(stage: number): Action | undefined {
    const state = this.#stages[stage]!;
    const update = state.updates.take();
    if (update !== undefined) return updateOf(stage, update);
    for (const letter of this.#letters) {
      const microBatch = letter === "B" ? state.backwards.take() : this.#takeForward(stage);
      if (microBatch !== undefined) return { stage, letter: letter satisfies PlannedLetter, microBatch };
    }
    return undefined;
  }

  #takeForward(stage: number): number | undefined {
    const { inFlight, forwards } = this.#stages[stage]!;
    if (inFlight >= this.#limit) return undefined;
    if (stage > 0) return forwards.take();
    const group = this.#ready.first;
    if (group === undefined) return undefined;
    const state = this.#groups[group]!;
    const { microBatches } = state.miniBatches[state.next]!;
    const microBatch = microBatches[state.part]!;
    const { activations } = this.#setting;
    if (activations !== undefined) {
      const size = activations.sizeOf(microBatch);
      if (this.#held > 0 && this.#held + size > activations.limit) return undefined;
      this.#held += size;
    }
    state.part += 1;
    if (state.part === microBatches.length) this.#ready.take();
    return microBatch;
  }
}
