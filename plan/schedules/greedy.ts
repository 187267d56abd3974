import type { Action, ActionLetter } from "../action.ts";
import type { MiniBatch } from "../mini-batch.ts";
import { type Orders, type ScheduleInput, updateOf } from "./schedule-input.ts";

interface StageState {
  /** End of the running action; Infinity when idle. */
  endNs: number;
  running: Action | undefined;
  readonly forwards: number[];
  readonly backwards: number[];
  readonly updates: MiniBatch[];
  inFlight: number;
}

/** Messages on their way over one lane, first in, first out. */
interface Lane {
  freeNs: number;
  readonly arrivals: { readonly timeNs: number; readonly microBatch: number }[];
}

interface GroupState {
  step: number;
  /** The next part of the mini-batch to enter stage 0. */
  part: number;
  readyNs: number;
}

/**
 * LoRAPP as list scheduling (paper.md section 3): every idle stage takes the preferred letter first from its arrival queues, first come, first
 * served; stage 0 takes its forward from the group that has been ready longest; a group is ready again when the last backward of its mini-batch has
 * ended on stage 0. Updates go first: they are short and free the next mini-batch. Idle stages choose only after all events of an instant are in.
 */
export function greedyOrders(input: ScheduleInput, prefer: "F" | "B"): Orders {
  const { numStages, miniBatches, maxInFlight } = input;
  const last = numStages - 1;
  const limit = maxInFlight ?? Number.POSITIVE_INFINITY;
  const orders: Action[][] = Array.from({ length: numStages }, () => []);
  const stages: StageState[] = orders.map(() => ({
    endNs: Number.POSITIVE_INFINITY,
    running: undefined,
    forwards: [],
    backwards: [],
    updates: [],
    inFlight: 0,
  }));
  const newLane = (): Lane => ({ freeNs: 0, arrivals: [] });
  const up: Lane[] = Array.from({ length: last }, newLane);
  const down: Lane[] = Array.from({ length: last }, newLane);
  const groups: GroupState[] = miniBatches.map(() => ({ step: 0, part: 0, readyNs: 0 }));
  const ready: number[] = miniBatches.map((_, group) => group);
  const backwardsLeft = orders.map(() =>
    miniBatches.map((steps) => steps.map((miniBatch) => miniBatch.microBatches.length)),
  );
  const owner = new Map<number, MiniBatch>();
  for (const steps of miniBatches)
    for (const miniBatch of steps) for (const microBatch of miniBatch.microBatches) owner.set(microBatch, miniBatch);

  const send = (lane: Lane, boundary: number, microBatch: number, nowNs: number): void => {
    const { arrival, occupied } = input.transferNs(boundary, microBatch);
    const start = Math.max(lane.freeNs, nowNs);
    lane.freeNs = start + occupied;
    lane.arrivals.push({ timeNs: start + arrival, microBatch });
  };

  const finishBackward = (stage: number, microBatch: number, nowNs: number): void => {
    const state = stages[stage]!;
    state.inFlight -= 1;
    if (stage > 0) send(down[stage - 1]!, stage - 1, microBatch, nowNs);
    const miniBatch = owner.get(microBatch)!;
    const left = backwardsLeft[stage]![miniBatch.group]!;
    left[miniBatch.step]! -= 1;
    if (left[miniBatch.step] !== 0) return;
    const clips = input.clips(miniBatch);
    if (stage === 0 || !clips) state.updates.push(miniBatch);
    if (stage > 0) return;
    if (clips) for (const other of stages.slice(1)) other.updates.push(miniBatch);
    const group = groups[miniBatch.group]!;
    group.step += 1;
    group.part = 0;
    group.readyNs = nowNs;
    if (group.step < miniBatches[miniBatch.group]!.length) ready.push(miniBatch.group);
  };

  const finish = (stage: number, nowNs: number): void => {
    const state = stages[stage]!;
    const { letter, microBatch } = state.running!;
    state.running = undefined;
    state.endNs = Number.POSITIVE_INFINITY;
    if (letter === "F") {
      if (stage === last) state.backwards.push(microBatch);
      else send(up[stage]!, stage, microBatch, nowNs);
    } else if (letter === "B") finishBackward(stage, microBatch, nowNs);
  };

  const takeForward = (stage: number): number | undefined => {
    if (stages[stage]!.inFlight >= limit) return undefined;
    if (stage > 0) return stages[stage]!.forwards.shift();
    const group = ready[0];
    if (group === undefined) return undefined;
    const state = groups[group]!;
    const { microBatches } = miniBatches[group]![state.step]!;
    const microBatch = microBatches[state.part]!;
    state.part += 1;
    if (state.part === microBatches.length) ready.shift();
    return microBatch;
  };

  const choose = (stage: number): { readonly letter: ActionLetter; readonly microBatch: number } | undefined => {
    const state = stages[stage]!;
    const update = state.updates.shift();
    if (update !== undefined) return updateOf(stage, update);
    for (const letter of prefer === "B" ? (["B", "F"] as const) : (["F", "B"] as const)) {
      const microBatch = letter === "B" ? state.backwards.shift() : takeForward(stage);
      if (microBatch !== undefined) return { letter, microBatch };
    }
    return undefined;
  };

  for (let nowNs = 0; ; ) {
    for (let stage = 0; stage < numStages; stage += 1) {
      const state = stages[stage]!;
      if (state.running !== undefined) continue;
      const next = choose(stage);
      if (next === undefined) continue;
      state.running = { stage, ...next };
      state.endNs = nowNs + input.durationNs(stage, next.letter, next.microBatch);
      if (next.letter === "F") state.inFlight += 1;
      orders[stage]!.push(state.running);
    }
    let nextNs = Number.POSITIVE_INFINITY;
    for (const state of stages) nextNs = Math.min(nextNs, state.endNs);
    for (const lane of [...up, ...down])
      nextNs = Math.min(nextNs, lane.arrivals[0]?.timeNs ?? Number.POSITIVE_INFINITY);
    if (nextNs === Number.POSITIVE_INFINITY) return orders;
    nowNs = nextNs;
    for (let stage = 0; stage < numStages; stage += 1) if (stages[stage]!.endNs === nowNs) finish(stage, nowNs);
    for (let boundary = 0; boundary < last; boundary += 1) {
      for (const [lane, queue] of [
        [up[boundary]!, stages[boundary + 1]!.forwards],
        [down[boundary]!, stages[boundary]!.backwards],
      ] as const) {
        while (lane.arrivals[0] !== undefined && lane.arrivals[0].timeNs <= nowNs)
          queue.push(lane.arrivals.shift()!.microBatch);
      }
    }
  }
}
