import { DueSlots } from "../../core/index.ts";
import type { Action, PlannedLetter } from "../action.ts";
import type { MiniBatch } from "../mini-batch.ts";
import { Admission } from "./admission.ts";
import { type Orders, type ScheduleInput, updateOf } from "./schedule-input.ts";

/** First in, first out; taking one moves no others. */
class Fifo<T> {
  readonly #items: T[] = [];
  #head = 0;

  add(item: T): void {
    this.#items.push(item);
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  take(): T | undefined {
    const item = this.#items[this.#head];
    if (item !== undefined) this.#head += 1;
    return item;
  }
}

interface StageState {
  running: Action | undefined;
  readonly forwards: Fifo<number>;
  readonly backwards: Fifo<number>;
  readonly updates: Fifo<MiniBatch>;
  inFlight: number;
  /** Backwards that are left of each group's mini-batch; a group has one at a time. */
  readonly backwardsLeft: number[];
}

/** Messages on their way over one lane, first in, first out. */
interface Lane {
  readonly slot: number;
  freeNs: number;
  readonly arrivals: Fifo<{ readonly timeNs: number; readonly microBatch: number }>;
}

interface GroupState {
  step: number;
  /** The next part of the mini-batch to enter stage 0. */
  part: number;
}

/**
 * LoRAPP as list scheduling (paper.md section 3): every idle stage takes the preferred letter first from its arrival
 * queues, first come, first served; stage 0 takes its forward from the group that has been ready longest; a group is
 * ready again when the last backward of its mini-batch has ended on stage 0. Updates go first: they are short and free
 * the next mini-batch. Idle stages choose only after all events of an instant are in.
 */
export function greedyOrders(input: ScheduleInput, prefer: "F" | "B"): Orders {
  const { numStages, miniBatches, maxInFlight, activations } = input;
  const last = numStages - 1;
  const limit = maxInFlight ?? Number.POSITIVE_INFINITY;
  /** Activation memory in flight on the first stage. */
  let held = 0;
  const letters = prefer === "B" ? (["B", "F"] as const) : (["F", "B"] as const);
  const orders: Action[][] = Array.from({ length: numStages }, () => []);
  const stages = orders.map(
    (): StageState => ({
      running: undefined,
      forwards: new Fifo(),
      backwards: new Fifo(),
      updates: new Fifo(),
      inFlight: 0,
      backwardsLeft: miniBatches.map((steps) => steps[0]?.microBatches.length ?? 0),
    }),
  );
  // Slots in the order in which an instant is applied: ends of the stages' actions, then arrivals, up and down of each
  // boundary.
  const due = new DueSlots(numStages + 2 * last);
  const lanes = Array.from(
    { length: 2 * last },
    (_, at): Lane => ({ slot: numStages + at, freeNs: 0, arrivals: new Fifo() }),
  );
  const groups = miniBatches.map((): GroupState => ({ step: 0, part: 0 }));
  const ready = new Fifo<number>();
  const admission = new Admission(input);
  for (const group of admission.begin()) ready.add(group);
  const owner: MiniBatch[] = [];
  for (const steps of miniBatches)
    for (const miniBatch of steps) for (const microBatch of miniBatch.microBatches) owner[microBatch] = miniBatch;
  /** Stages that something has changed for since they chose last. */
  const changed = Uint32Array.from(orders.keys());
  let numChanged = numStages;
  const isChanged = new Uint8Array(numStages).fill(1);

  const change = (stage: number): void => {
    if (isChanged[stage] === 1) return;
    isChanged[stage] = 1;
    changed[numChanged] = stage;
    numChanged += 1;
  };

  const send = (lane: Lane, boundary: number, microBatch: number, nowNs: number): void => {
    const { arrival, occupied } = input.transferNs(boundary, microBatch);
    const start = Math.max(lane.freeNs, nowNs);
    lane.freeNs = start + occupied;
    if (lane.arrivals.first === undefined) due.add(lane.slot, start + arrival);
    lane.arrivals.add({ timeNs: start + arrival, microBatch });
  };

  const finishBackward = (stage: number, microBatch: number, nowNs: number): void => {
    const state = stages[stage]!;
    state.inFlight -= 1;
    if (stage > 0) send(lanes[2 * stage - 1]!, stage - 1, microBatch, nowNs);
    else if (activations !== undefined) held -= activations.sizeOf(microBatch);
    const miniBatch = owner[microBatch]!;
    state.backwardsLeft[miniBatch.group]! -= 1;
    if (state.backwardsLeft[miniBatch.group] !== 0) return;
    const next = miniBatches[miniBatch.group]![miniBatch.step + 1];
    state.backwardsLeft[miniBatch.group] = next?.microBatches.length ?? 0;
    const clips = input.clips(miniBatch);
    if (stage === 0 || !clips) state.updates.add(miniBatch);
    if (stage > 0) return;
    if (clips) {
      for (let other = 1; other < numStages; other += 1) {
        stages[other]!.updates.add(miniBatch);
        change(other);
      }
    }
    const group = groups[miniBatch.group]!;
    group.step += 1;
    group.part = 0;
    if (next !== undefined) ready.add(miniBatch.group);
    else {
      admission.end(miniBatch.group);
      for (const begun of admission.begin()) ready.add(begun);
    }
  };

  const finish = (stage: number, nowNs: number): void => {
    const state = stages[stage]!;
    const { letter, microBatch } = state.running!;
    state.running = undefined;
    change(stage);
    if (letter === "F") {
      if (stage === last) state.backwards.add(microBatch);
      else send(lanes[2 * stage]!, stage, microBatch, nowNs);
    } else if (letter === "B") finishBackward(stage, microBatch, nowNs);
  };

  const takeForward = (stage: number): number | undefined => {
    if (stages[stage]!.inFlight >= limit) return undefined;
    if (stage > 0) return stages[stage]!.forwards.take();
    const group = ready.first;
    if (group === undefined) return undefined;
    const state = groups[group]!;
    const { microBatches } = miniBatches[group]![state.step]!;
    const microBatch = microBatches[state.part]!;
    if (activations !== undefined) {
      const size = activations.sizeOf(microBatch);
      if (held > 0 && held + size > activations.limit) return undefined;
      held += size;
    }
    state.part += 1;
    if (state.part === microBatches.length) ready.take();
    return microBatch;
  };

  const choose = (stage: number): Action | undefined => {
    const state = stages[stage]!;
    const update = state.updates.take();
    if (update !== undefined) return updateOf(stage, update);
    for (const letter of letters) {
      const microBatch = letter === "B" ? state.backwards.take() : takeForward(stage);
      if (microBatch !== undefined) return { stage, letter: letter satisfies PlannedLetter, microBatch };
    }
    return undefined;
  };

  const start = (stage: number, nowNs: number): void => {
    const state = stages[stage]!;
    if (state.running !== undefined) return;
    const next = choose(stage);
    if (next === undefined) return;
    state.running = next;
    if (next.letter === "F") state.inFlight += 1;
    due.add(stage, nowNs + input.durationNs(stage, next.letter, next.microBatch));
    orders[stage]!.push(next);
  };

  const receive = (lane: Lane, nowNs: number): void => {
    const at = lane.slot - numStages;
    const boundary = Math.floor(at / 2);
    const stage = at % 2 === 0 ? boundary + 1 : boundary;
    const queue = at % 2 === 0 ? stages[stage]!.forwards : stages[stage]!.backwards;
    let first = lane.arrivals.first;
    for (; first !== undefined && first.timeNs <= nowNs; first = lane.arrivals.first) {
      queue.add(first.microBatch);
      lane.arrivals.take();
    }
    change(stage);
    if (first !== undefined) due.add(lane.slot, first.timeNs);
  };

  for (let nowNs = 0; nowNs !== Number.POSITIVE_INFINITY; nowNs = due.nextNs()) {
    while (due.nextNs() === nowNs) {
      const slot = due.take()!;
      if (slot < numStages) finish(slot, nowNs);
      else receive(lanes[slot - numStages]!, nowNs);
    }
    for (let at = 0; at < numChanged; at += 1) {
      isChanged[changed[at]!] = 0;
      start(changed[at]!, nowNs);
    }
    numChanged = 0;
  }
  return orders;
}
