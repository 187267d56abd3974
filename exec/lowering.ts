import {
  type Action,
  actionsOf,
  clips,
  FirstFit,
  isSenderHeld,
  LiveWork,
  type MessageRoutes,
  type MicroBatch,
  type MiniBatch,
  messageRoutes,
  microBatchOf,
  microBatchUnits,
  type Order,
  type Pass,
  type PlannedLetter,
  parseOrder,
  passOf,
  pipelineTable,
  type Setting,
  stageRanks,
  stashPlacement,
  type Work,
} from "../plan/index.ts";
import type { LeftOut } from "./left-out.ts";

/** An action's place in the executor's memory and among its events. All of it follows from the plan alone. */
export interface LoweredAction {
  /** Its position in its stage's order. */
  readonly id: number;
  readonly action: Action;
  readonly microBatch: MicroBatch;
  readonly miniBatch: MiniBatch;
  /** Signalled when the action has ended. */
  readonly event: number;
  readonly waits: readonly number[];
  /**
   * Where the micro-batch's activation slot starts, in units; and the end of the highest slot in use then, and once it
   * has ended, as `StashPlacement` has them.
   */
  readonly slot: number;
  readonly usedUnits: number;
  readonly leftUnits: number;
  /** Receiving and sending buffers, where the action has them. */
  readonly inBuffer: number | undefined;
  readonly outBuffer: number | undefined;
  /** The message that it sends. */
  readonly send: LoweredSend | undefined;
  /** Ranks that hear of its end: updates there wait for the gradient norms that it leaves. */
  readonly listeners: readonly number[];
  /** Set on the last backward of a mini-batch on its stage, on its update, and on the last of its evaluations there. */
  readonly ends: MiniBatch | undefined;
  /** Set where jobs were stopped before it came to its device. */
  readonly leftOut?: LeftOut;
}

/**
 * A message to a stage of another rank is two tasks with one event: the send, which waits for what it sends, and the
 * receive, which waits for its buffer. Within a rank it is one task, which waits for both.
 */
export interface LoweredSend {
  readonly event: number;
  readonly waits: readonly number[];
  readonly receiveWaits: readonly number[] | undefined;
  /** The sender's next action waits for the event, which is then that of the arrival on both ranks. */
  readonly isHeld: boolean;
  readonly toStage: number;
  readonly toBuffer: number;
}

/** An action, or a message on both sides. */
type EndedTask = Pick<LoweredAction, "event" | "waits"> & { readonly receiveWaits?: LoweredSend["receiveWaits"] };

/** Who gives out events and counts who uses them (`EventNumbers`). */
export interface EventUses {
  take(): number;
  use(event: number): void;
  leave(event: number): boolean;
}

const NONE: readonly number[] = [];

/** Messages of a direction from a stage: how many, and the micro-batches of the latest. */
interface MessageLog {
  count: number;
  readonly latest: number[];
}

/**
 * By micro-batch: the event of an action that has not ended, or that somebody waits for. Evaluations are among forwards:
 * they share their channels, and no micro-batch has both.
 */
type EventsOfLetter = Map<number, number>;

interface StageLog {
  /** Actions so far. */
  count: number;
  readonly events: Readonly<Record<Pass, EventsOfLetter>>;
  readonly sends: Readonly<Record<"F" | "B", EventsOfLetter>>;
  readonly messages: Readonly<Record<"F" | "B", MessageLog>>;
  /** The latest message, where it holds its sender: the next action waits until it has arrived. */
  held: { readonly pass: "F" | "B"; readonly microBatch: number } | undefined;
  readonly slots: FirstFit;
  /** Backwards, and evaluations, of mini-batches that have not all been lowered. */
  readonly backwards: Map<MiniBatch, number>;
  readonly evaluations: Map<MiniBatch, number>;
}

/**
 * Turns orders into tasks, segment by segment: slots, buffers and events. Nothing is decided here; the plan has said it
 * all. What has ended is forgotten, and nobody needs to wait for it.
 */
export class Lowering {
  readonly #setting: Setting;
  readonly #routes: MessageRoutes;
  readonly #isFirst: (stage: number) => boolean;
  readonly #pipelineOf: ReturnType<typeof pipelineTable>["ofStage"];
  readonly #uses: EventUses;
  readonly #ranks: readonly number[];
  readonly #stages: readonly StageLog[];
  /** Where an event is known by its micro-batch. */
  readonly #owners = new Map<number, { readonly known: EventsOfLetter; readonly microBatch: number }>();
  readonly live: LiveWork;

  constructor(setting: Setting, uses: EventUses) {
    this.#setting = setting;
    this.#routes = messageRoutes(setting);
    const { isFirst, ofStage } = pipelineTable(setting);
    this.#isFirst = isFirst;
    this.#pipelineOf = ofStage;
    this.#uses = uses;
    this.#ranks = stageRanks(setting);
    this.live = new LiveWork(setting);
    this.#stages = setting.stages.map(() => ({
      count: 0,
      events: { F: new Map(), B: new Map(), U: new Map() },
      sends: { F: new Map(), B: new Map() },
      messages: { F: { count: 0, latest: [] }, B: { count: 0, latest: [] } },
      held: undefined,
      slots: new FirstFit(),
      backwards: new Map(),
      evaluations: new Map(),
    }));
  }

  /** By stage, the next actions. `startEvent`: what the first action of each pipeline waits for. */
  append(work: Work, startEvent?: number): readonly (readonly LoweredAction[])[] {
    this.live.append(work);
    const orders = work.actions.map(parseOrder);
    // Actions of one stage wait for those of others: all have their events first.
    orders.forEach((order, stage) => {
      const { events, sends } = this.#stages[stage]!;
      for (const { letter, microBatch } of actionsOf(stage, order)) {
        const pass = passOf(letter);
        this.#take(events[pass], microBatch);
        if (pass !== "U" && this.#routes.receiverOf(stage, letter) >= 0) this.#take(sends[pass], microBatch);
      }
    });
    return orders.map((order, stage) => {
      const { offsets, used, left } = this.#place(order, stage, work);
      return actionsOf(stage, order).map((action, at) =>
        this.#lower(
          action,
          [offsets[at]!, used[at]!, left[at]!],
          this.#stages[stage]!.count === 0 ? startEvent : undefined,
        ),
      );
    });
  }

  /** An action, or the message that it sends, has ended: whatever waits for it from now on need not. */
  ended({ event, waits, receiveWaits = NONE }: EndedTask): void {
    for (const used of [event, ...waits, ...receiveWaits]) {
      if (!this.#uses.leave(used)) continue;
      const owner = this.#owners.get(used);
      owner?.known.delete(owner.microBatch);
      this.#owners.delete(used);
    }
  }

  #take(known: EventsOfLetter, microBatch: number): void {
    const event = this.#uses.take();
    known.set(microBatch, event);
    this.#owners.set(event, { known, microBatch });
  }

  /** By position of the order: where slots start, and what is in use, and left. */
  #place(order: Order, stage: number, work: Work) {
    const { slots } = this.#setting;
    if (slots === "first-fit")
      return this.#stages[stage]!.slots.place(order, (microBatch) => microBatchUnits(this.live.microBatch(microBatch)));
    const { offsets, used, left } = stashPlacement(order, work.microBatches, slots);
    return { offsets: order.map((action) => offsets[microBatchOf(action)]!), used, left };
  }

  #lower(
    action: Action,
    [slot, usedUnits, leftUnits]: readonly [number, number, number],
    startEvent: number | undefined,
  ): LoweredAction {
    const { stage, letter, microBatch } = action;
    const pass = passOf(letter);
    const log = this.#stages[stage]!;
    const waits: number[] = [];
    const wait = (event: number | undefined, into = waits): void => {
      if (event === undefined) return;
      this.#uses.use(event);
      into.push(event);
    };
    if (startEvent !== undefined && this.#isFirst(stage)) wait(startEvent);
    if (log.held !== undefined) wait(log.sends[log.held.pass].get(log.held.microBatch));
    log.held = undefined;
    const sender = this.#routes.senderOf(stage, letter);
    if (sender >= 0) wait(this.#stages[sender]!.sends[pass as "F" | "B"].get(microBatch));
    else if (!this.#isFirst(stage)) {
      const first = this.#stages[this.#routes.firstStageOf(stage)]!;
      const isHere = this.#ranks[this.#routes.firstStageOf(stage)] === this.#ranks[stage];
      for (const signal of isHere ? this.live.signalsOf(stage, letter, microBatch) : NONE)
        wait(first.events.B.get(signal));
    }
    const miniBatch = this.live.miniBatchOf(microBatch);
    const elsewhere = pass === "F" ? NONE : this.#stagesElsewhere(stage, miniBatch);
    if (letter === "U")
      for (const other of elsewhere)
        for (const each of miniBatch.microBatches) wait(this.#stages[other]!.events.B.get(each));
    const base = {
      id: log.count,
      action,
      microBatch: this.live.microBatch(microBatch),
      miniBatch,
      event: log.events[pass].get(microBatch)!,
      waits,
      slot,
      usedUnits,
      leftUnits,
      ends: this.#ends(log, letter, miniBatch),
      listeners: letter === "B" ? [...new Set(elsewhere.map((other) => this.#ranks[other]!))] : NONE,
    };
    log.count += 1;
    if (pass === "U") return { ...base, inBuffer: undefined, outBuffer: undefined, send: undefined };
    const up = pass === "F";
    const messages = log.messages[pass];
    const k = messages.count;
    messages.count += 1;
    const buffers = this.#setting.buffers[stage]!;
    const numOwnIn = up ? buffers.activationIn : buffers.gradientIn;
    const inBuffer = sender >= 0 ? k % numOwnIn : undefined;
    const target = this.#routes.receiverOf(stage, letter);
    if (target < 0) return { ...base, inBuffer, outBuffer: undefined, send: undefined };
    const far = this.#setting.buffers[target]!;
    const numOut = up ? buffers.activationOut : buffers.gradientOut;
    const numIn = up ? far.activationIn : far.gradientIn;
    const latest = (back: number): number | undefined => messages.latest.at(-back);
    const usedOut = latest(numOut);
    if (k >= numOut) wait(log.sends[pass].get(usedOut!));
    const isHeld = isSenderHeld(this.#setting, stage, target);
    if (isHeld) log.held = { pass, microBatch };
    const sendWaits: number[] = [];
    wait(base.event, sendWaits);
    const isFar = this.#ranks[target] !== this.#ranks[stage];
    const receiveWaits: number[] = [];
    if (k >= numIn) wait(this.#stages[target]!.events[pass].get(latest(numIn)!), isFar ? receiveWaits : sendWaits);
    messages.latest.push(microBatch);
    if (messages.latest.length > Math.max(numOut, numIn)) messages.latest.shift();
    return {
      ...base,
      inBuffer,
      outBuffer: k % numOut,
      send: {
        event: log.sends[pass].get(microBatch)!,
        waits: sendWaits,
        receiveWaits: isFar ? receiveWaits : undefined,
        isHeld,
        toStage: target,
        toBuffer: k % numIn,
      },
    };
  }

  /** Stages of other ranks in the stage's pipeline, where a job of the mini-batch clips over all of them. */
  #stagesElsewhere(stage: number, miniBatch: MiniBatch): readonly number[] {
    const { firstStage, endStage } = this.#pipelineOf(stage);
    if (this.#isOnOneRank(firstStage, endStage) || !clips(this.live, miniBatch)) return NONE;
    const others = Array.from({ length: endStage - firstStage }, (_, i) => firstStage + i);
    return others.filter((other) => this.#ranks[other] !== this.#ranks[stage]);
  }

  #isOnOneRank(firstStage: number, endStage: number): boolean {
    return this.#ranks.slice(firstStage, endStage).every((rank) => rank === this.#ranks[firstStage]);
  }

  #ends({ backwards, evaluations }: StageLog, letter: PlannedLetter, miniBatch: MiniBatch): MiniBatch | undefined {
    if (letter === "U") return miniBatch;
    if (letter === "F") return undefined;
    const open = letter === "B" ? backwards : evaluations;
    const all = letter === "B" ? miniBatch.microBatches : miniBatch.evaluation!;
    const left = (open.get(miniBatch) ?? all.length) - 1;
    if (left > 0) open.set(miniBatch, left);
    else open.delete(miniBatch);
    return left === 0 ? miniBatch : undefined;
  }
}

/** A whole plan's actions, for those who only look. */
export function lowerPlan(plan: Setting & Work): readonly (readonly LoweredAction[])[] {
  let next = 0;
  const lowering = new Lowering(plan, { take: () => next++, use: () => {}, leave: () => false });
  return lowering.append(plan);
}
