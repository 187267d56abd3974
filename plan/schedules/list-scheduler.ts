import { DueSlots, Fifo, InvariantError } from "../../core/index.ts";
import { BACKWARD, EVALUATION, FORWARD, passCode } from "../actions/action.ts";
import type { MiniBatch } from "../actions/mini-batch.ts";
import { coded, GrowingOrder, letterOf, microBatchOf, type StageOrders } from "../actions/order.ts";
import { Admission } from "./admission.ts";
import { Ahead } from "./ahead.ts";
import { enterNext, firstStageNs, type GroupState, hasWork, newGroupState, nextMicroBatch } from "./group-state.ts";
import type { DueMiniBatches, MiniBatchQueue } from "./mini-batch-queue.ts";
import { NormSignals } from "./norm-signals.ts";
import { Passage, type StageRoom } from "./passage.ts";
import { type ScheduleInput, updateOf } from "./schedule-input.ts";
import { awaitBoth, type Lane, NOTHING, newLanes, newStages, receive, type StageState, wake } from "./stage-state.ts";

/** What never changes while a list scheduler runs: stages, times, limits. */
export interface ListSetting extends Omit<ScheduleInput, "miniBatches"> {
  /** Which of forward and backward an idle stage takes first. */
  readonly prefer: "F" | "B";
  /** Absent where buffers and slots are made for the orders, and not the orders for them. */
  readonly room?: StageRoom;
  /** Whether somebody tells which of the first stage's actions have really ended (`pass`). */
  readonly isFollowed?: boolean;
}

/**
 * LoRAPP as list scheduling: every idle stage takes the preferred letter first from its arrival
 * queues, first come, first served; stage 0 takes its forward from the group that has been ready longest; a group is
 * ready again when the last backward of its mini-batch has ended on stage 0. Updates go first: they are short and free
 * the next mini-batch. What a mini-batch is evaluated on enters behind it, before the group's next one, among the
 * forwards. Idle stages choose only after all events of an instant are in.
 *
 * It is a machine with a state: mini-batches may be admitted while others are in flight, and orders are taken piece by
 * piece. What it does up to a time follows from what was admitted before that time alone.
 */
export class ListScheduler {
  readonly #setting: ListSetting;
  readonly #letters: readonly number[];
  readonly #last: number;
  readonly #limit: number;
  readonly #stages: readonly StageState[];
  readonly #lanes: readonly Lane[];
  /**
   * In the order in which an instant is applied: ends of the stages' actions, then arrivals that idle stages wait for,
   * down and up of each boundary, then of the gradient norms at each stage.
   */
  readonly #due: DueSlots;
  readonly #groups: GroupState[] = [];
  readonly #passage: Passage | undefined;
  readonly #admission: Admission;
  readonly #firstSignal: number;
  readonly #norms: NormSignals;
  /** Groups with a mini-batch to enter, the one that has been ready longest first. */
  readonly #ready = new Fifo<number>();
  /** By micro-batch. */
  readonly #owner: MiniBatch[] = [];
  /** By micro-batch, what it begins with on a stage. */
  readonly #entry: number[] = [];
  /** Stages for which something has changed; the first one twice, if its last evaluation lets another group in. */
  readonly #changed: Uint32Array;
  readonly #isChanged: Uint8Array;
  #numChanged = 0;
  /** Activation memory in flight on the first stage. */
  #held = 0;
  #nowNs = 0;
  readonly #orders: readonly GrowingOrder[];
  /** What has begun on the first stage and has not passed, where somebody tells. */
  readonly #ahead: Ahead | undefined;

  constructor(setting: ListSetting) {
    const { numStages, maxInFlight, prefer, admission, room, isFollowed = false } = setting;
    this.#setting = setting;
    this.#letters = prefer === "B" ? [BACKWARD, FORWARD] : [FORWARD, BACKWARD];
    this.#last = numStages - 1;
    this.#limit = maxInFlight ?? Number.POSITIVE_INFINITY;
    this.#lanes = newLanes(numStages, this.#last, (boundary) => setting.isHalfDuplex?.(boundary) ?? false);
    this.#stages = newStages(numStages, this.#lanes);
    this.#firstSignal = numStages + this.#lanes.length;
    this.#due = new DueSlots(this.#firstSignal + numStages);
    this.#norms = new NormSignals(numStages, this.#firstSignal, this.#due, setting.signalNs);
    this.#admission = new Admission(admission);
    this.#passage = room === undefined ? undefined : new Passage(room);
    this.#changed = new Uint32Array(numStages + 1);
    this.#isChanged = new Uint8Array(numStages);
    this.#orders = this.#stages.map(() => new GrowingOrder());
    this.#ahead = isFollowed ? new Ahead() : undefined;
  }

  /** Up to when it has run. */
  get nowNs(): number {
    return this.#nowNs;
  }

  /**
   * Adds mini-batches behind those that their groups have. They may begin from now on, or, those of a group that has
   * none, once the groups `after` have ended. Numbers of groups and micro-batches that have ended may be used again.
   */
  admit(miniBatches: readonly MiniBatch[], after: readonly number[] = []): void {
    for (const miniBatch of miniBatches) this.#entering(miniBatch.group, after).add(this.#know(miniBatch));
  }

  /** The same of all mini-batches of a group that has none, each made when it is due. */
  expect(group: number, due: DueMiniBatches, after: readonly number[]): void {
    this.#entering(group, after).expect({ ...due, make: () => this.#know(due.make()) });
  }

  #entering(group: number, after: readonly number[]): MiniBatchQueue {
    const state = this.#groups[group] ?? this.#newGroup(group);
    if (!this.isActive(group)) this.#await(group, state, after);
    return state.miniBatches;
  }

  /** Takes back what of a group has not begun; gives what is made of it. `onTaken` hears how many before the group ends. */
  withdraw(group: number, onTaken: (count: number) => void = () => {}): readonly MiniBatch[] {
    const { miniBatches, part, evaluations } = this.#groups[group]!;
    const hasBegun = part > 0;
    const begun = hasBegun ? miniBatches.take() : undefined;
    const { made: left, count } = miniBatches.empty();
    onTaken(count);
    if (begun !== undefined) miniBatches.add(begun);
    else if (evaluations.first === undefined) {
      this.#ready.remove(group);
      this.#admission.leave(group);
      // One that waits for others ends when these do, so that those that wait for it wait for them.
      if (this.#groups[group]!.waitsFor === 0) this.#endGroup(group);
    }
    return left;
  }

  /** Whether a group has a mini-batch that has begun or may, or is to be evaluated, or waits for others to end. */
  isActive(group: number): boolean {
    const state = this.#groups[group];
    return state !== undefined && (hasWork(state) || state.waitsFor > 0);
  }

  #know(miniBatch: MiniBatch): MiniBatch {
    const { microBatches, evaluation = [] } = miniBatch;
    for (const microBatch of [...microBatches, ...evaluation]) {
      this.#owner[microBatch] = miniBatch;
      this.#entry[microBatch] = evaluation.includes(microBatch) ? EVALUATION : FORWARD;
    }
    return miniBatch;
  }

  /** Mini-batches of a group that have not begun. */
  numLeft(group: number): number {
    const { miniBatches, part } = this.#groups[group]!;
    return miniBatches.size - (part > 0 ? 1 : 0);
  }

  #newGroup(group: number): GroupState {
    if (group !== this.#groups.length)
      throw new InvariantError({ expected: `group ${this.#groups.length} to be admitted next`, got: group });
    const state = newGroupState(this.#setting.numStages);
    this.#groups.push(state);
    return state;
  }

  /** A group with new work becomes one to admit, at once or when others have ended. */
  #await(group: number, state: GroupState, after: readonly number[]): void {
    const open = after.filter((other) => other !== group && this.isActive(other));
    state.waitsFor = open.length;
    for (const other of open) this.#groups[other]!.followers.push(group);
    if (open.length === 0) this.#admission.wait(group);
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
        else if (slot < this.#firstSignal) this.#change(wake(this.#lanes[slot - this.#setting.numStages]!));
        else this.#update(slot - this.#firstSignal, this.#norms.receive(slot - this.#firstSignal));
      }
      this.#chooseAll();
    }
    if (untilNs < Number.POSITIVE_INFINITY) this.#nowNs = Math.max(this.#nowNs, untilNs);
  }

  /** The first of the first stage's actions that have not passed has really ended. */
  pass(): void {
    this.#ahead!.pass();
  }

  /**
   * Runs so far ahead of what has passed that each stage is busy for `leastNs` beyond the end of the first stage's next
   * action; then for `mostNs`, so that it need not be asked at every action. Where that action is an evaluation, at least
   * until it has ended on every stage.
   */
  advanceAhead(leastNs: number, mostNs: number): void {
    this.#begin();
    this.#chooseAll();
    // Where the first stage waits, the others go on until it has something to do.
    while (this.#ahead!.nextEndNs === undefined) {
      const nextNs = this.#due.nextNs();
      if (nextNs === Number.POSITIVE_INFINITY) return;
      this.advance(nextNs);
    }
    const nextEndNs = this.#ahead!.nextEndNs;
    if (this.#nowNs < nextEndNs + leastNs) this.advance(nextEndNs + mostNs);
    while (this.#ahead!.isEvaluating) this.advance(this.#due.nextNs());
  }

  /** The actions that each stage has begun since the last time, in order. */
  take(): StageOrders {
    return this.#orders.map((order) => order.take());
  }

  /** Groups that may train now become ready. */
  #begin(): void {
    const work = (group: number): number => firstStageNs(this.#groups[group]!, this.#setting);
    for (const group of this.#admission.begin(work)) {
      this.#groups[group]!.isAdmitted = true;
      this.#ready.add(group);
      this.#change(0);
    }
  }

  #change(stage: number): void {
    if (this.#isChanged[stage] === 1) return;
    this.#isChanged[stage] = 1;
    this.#changed[this.#numChanged] = stage;
    this.#numChanged += 1;
  }

  #send(lane: Lane, microBatch: number): void {
    const { carrier, boundary, to } = lane;
    const { arrival, occupied } = this.#setting.transferNs(boundary, microBatch);
    if (carrier.freeNs > this.#nowNs) this.#setting.times?.spoil();
    const startNs = Math.max(carrier.freeNs, this.#nowNs);
    carrier.freeNs = startNs + occupied;
    lane.arrivalsNs.add(startNs + arrival);
    lane.microBatches.add(microBatch);
    if (this.#stages[to]!.running === NOTHING) awaitBoth(this.#stages[to]!, this.#due);
  }

  #finish(stage: number): void {
    const state = this.#stages[stage]!;
    const letter = letterOf(state.running);
    const microBatch = microBatchOf(state.running);
    state.running = NOTHING;
    this.#change(stage);
    for (const other of this.#passage?.end(stage, letter, microBatch) ?? []) this.#change(other);
    if (letter === FORWARD) {
      if (stage === this.#last) state.backwards.add(microBatch);
      else this.#send(state.forwardsTo!, microBatch);
    } else if (letter === BACKWARD) this.#finishBackward(stage, microBatch);
    else if (letter === EVALUATION) this.#finishEvaluation(stage, microBatch);
  }

  /** What it holds on the first stage stands for what it takes on the others, until the last of them is done. */
  #finishEvaluation(stage: number, microBatch: number): void {
    const { activations, times } = this.#setting;
    const state = this.#stages[stage]!;
    state.inFlight -= 1;
    if (stage === this.#last) this.#ahead?.endEvaluation(microBatch);
    if (stage < this.#last) this.#send(state.forwardsTo!, microBatch);
    else if (activations !== undefined) {
      times?.spoil();
      this.#held -= activations.sizeOf(microBatch);
      this.#change(0);
    }
  }

  #finishBackward(stage: number, microBatch: number): void {
    const { activations, clips } = this.#setting;
    const state = this.#stages[stage]!;
    state.inFlight -= 1;
    if (stage > 0) this.#send(state.backwardsTo!, microBatch);
    else if (activations !== undefined) this.#held -= activations.sizeOf(microBatch);
    const miniBatch = this.#owner[microBatch]!;
    const { group, microBatches } = miniBatch;
    const { backwardsDone } = this.#groups[group]!;
    backwardsDone[stage]! += 1;
    if (backwardsDone[stage] !== microBatches.length) return;
    backwardsDone[stage] = 0;
    const isClipped = clips(miniBatch);
    if (stage === 0 || !isClipped) state.updates.add(miniBatch);
    if (stage > 0) return;
    if (isClipped) {
      for (let other = 1; other <= this.#last; other += 1)
        if (this.#norms.send(other, miniBatch, this.#nowNs)) this.#update(other, miniBatch);
    }
    this.#endMiniBatch(group);
  }

  /** A mini-batch may be updated on a stage. */
  #update(stage: number, miniBatch: MiniBatch): void {
    this.#stages[stage]!.updates.add(miniBatch);
    this.#change(stage);
  }

  #endMiniBatch(group: number): void {
    const state = this.#groups[group]!;
    const { evaluation = [] } = state.miniBatches.take()!;
    state.part = 0;
    for (const microBatch of evaluation) state.evaluations.add(microBatch);
    if (hasWork(state)) this.#ready.add(group);
    else this.#endGroup(group);
  }

  #endGroup(group: number): void {
    const ended = this.#groups[group]!;
    if (ended.isAdmitted) this.#admission.end(group);
    ended.isAdmitted = false;
    for (const follower of ended.followers.splice(0)) {
      const state = this.#groups[follower]!;
      state.waitsFor -= 1;
      if (state.waitsFor > 0) continue;
      if (state.miniBatches.size > 0) this.#admission.wait(follower);
      else this.#endGroup(follower);
    }
    this.#begin();
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
    if (state.running !== NOTHING) return;
    receive(state, this.#nowNs);
    const next = this.#choose(stage);
    if (next === NOTHING) {
      awaitBoth(state, this.#due);
      return;
    }
    const letter = letterOf(next);
    const microBatch = microBatchOf(next);
    state.running = next;
    if (passCode(letter) === FORWARD) state.inFlight += 1;
    this.#passage?.begin(stage, letter, microBatch);
    const endNs = this.#nowNs + this.#setting.durationNs(stage, letter, microBatch);
    this.#due.add(stage, endNs);
    this.#orders[stage]!.add(next);
    this.#setting.times?.add(stage, this.#nowNs, endNs);
    if (stage === 0) this.#ahead?.begin(next, endNs);
  }

  #choose(stage: number): number {
    const state = this.#stages[stage]!;
    const update = state.updates.take();
    if (update !== undefined) return updateOf(update);
    for (const letter of this.#letters) {
      const microBatch = letter === BACKWARD ? this.#takeBackward(stage) : this.#takeForward(stage);
      if (microBatch !== undefined) return coded(letter === BACKWARD ? letter : this.#entry[microBatch]!, microBatch);
    }
    return NOTHING;
  }

  #takeBackward(stage: number): number | undefined {
    const { backwards } = this.#stages[stage]!;
    const { first } = backwards;
    return first !== undefined && this.#mayBegin(stage, BACKWARD, first) ? backwards.take() : undefined;
  }

  #mayBegin(stage: number, letter: number, microBatch: number): boolean {
    return this.#passage?.mayBegin(stage, letter, microBatch) ?? true;
  }

  #takeForward(stage: number): number | undefined {
    const { inFlight, forwards } = this.#stages[stage]!;
    if (inFlight >= this.#limit) return undefined;
    if (stage > 0) {
      const { first } = forwards;
      return first !== undefined && this.#mayBegin(stage, this.#entry[first]!, first) ? forwards.take() : undefined;
    }
    const group = this.#ready.first;
    if (group === undefined) return undefined;
    const state = this.#groups[group]!;
    const microBatch = nextMicroBatch(state);
    if (!this.#mayBegin(stage, this.#entry[microBatch]!, microBatch)) return undefined;
    const { activations } = this.#setting;
    if (activations !== undefined) {
      const size = activations.sizeOf(microBatch);
      if (this.#held > 0 && this.#held + size > activations.limit) return undefined;
      this.#held += size;
    }
    const left = enterNext(state);
    if (left !== "more") this.#ready.take();
    if (left === "nothing") this.#endGroup(group);
    return microBatch;
  }
}
