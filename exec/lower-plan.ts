import {
  type Action,
  type DependencyTable,
  dependencyTable,
  type MiniBatch,
  type Plan,
  parseAction,
  pipelineTable,
  type Residents,
  residentsOf,
  type StashPlacement,
  stashPlacement,
} from "../plan/index.ts";

/** An action's place in the executor's memory and among its events. All numbers follow from the plan alone. */
export interface LoweredAction {
  readonly action: Action;
  /** Signalled when the action has ended. */
  readonly event: number;
  readonly waits: readonly number[];
  /** Where the micro-batch's activation slot starts, in units. */
  readonly slot: number;
  /** Receiving and sending buffers, where the action has them. */
  readonly inBuffer: number | undefined;
  readonly outBuffer: number | undefined;
  /** The message that it sends. */
  readonly send: LoweredSend | undefined;
  /** Set on the last backward of a mini-batch on its stage, and on its update. */
  readonly ends: MiniBatch | undefined;
}

export interface LoweredSend {
  readonly event: number;
  readonly waits: readonly number[];
  readonly toStage: number;
  readonly toBuffer: number;
}

/** Numbers of events: one for each action, then one for each message. */
interface EventTable {
  of(action: Action): number;
  sendOf(action: Action): number;
  readonly count: number;
}

function eventTable(plan: Pick<Plan, "stages" | "microBatches">): EventTable {
  const letters = { F: 0, B: 1, U: 2 } as const;
  const perStage = 3 * plan.microBatches.length;
  const half = plan.stages.length * perStage;
  const of = ({ stage, letter, microBatch }: Action): number =>
    stage * perStage + letters[letter] * plan.microBatches.length + microBatch;
  return { of, sendOf: (action) => half + of(action), count: 2 * half };
}

/** The k-th message of a direction on a boundary, by stage of its sender. */
interface Channel {
  readonly order: readonly number[];
  readonly position: ReadonlyMap<number, number>;
}

function channel(order: readonly Action[], letter: "F" | "B"): Channel {
  const microBatches = order.filter((action) => action.letter === letter).map((action) => action.microBatch);
  return { order: microBatches, position: new Map(microBatches.map((microBatch, k) => [microBatch, k])) };
}

export interface LoweredPlan {
  readonly stages: readonly (readonly LoweredAction[])[];
  /** Events needed. */
  readonly numEvents: number;
  /** The first action of each pipeline waits for it, so that the queues are full before the run begins. */
  readonly startEvent: number;
  /** Activation slots of each stage. */
  readonly stash: readonly StashPlacement[];
  /** When each stage needs which adapters. */
  readonly residents: readonly Residents[];
}

function lastOfMiniBatch(order: readonly Action[], table: DependencyTable): ReadonlyMap<string, MiniBatch> {
  const left = new Map<MiniBatch, number>();
  const ends = new Map<string, MiniBatch>();
  for (const action of order) {
    const miniBatch = table.miniBatchOf(action.microBatch);
    if (action.letter === "U") ends.set(`U${action.microBatch}`, miniBatch);
    if (action.letter !== "B") continue;
    const remaining = (left.get(miniBatch) ?? miniBatch.microBatches.length) - 1;
    left.set(miniBatch, remaining);
    if (remaining === 0) ends.set(`B${action.microBatch}`, miniBatch);
  }
  return ends;
}

/** Turns a plan's orders into tasks: slots, buffers and events. Nothing is decided here; the plan has said it all. */
export function lowerPlan(plan: Plan): LoweredPlan {
  const events = eventTable(plan);
  const table = dependencyTable(plan);
  const { isFirst } = pipelineTable(plan);
  const orders = plan.actions.map((keys) => keys.map(parseAction));
  const forwards = orders.map((order) => channel(order, "F"));
  const backwards = orders.map((order) => channel(order, "B"));
  const stash = orders.map((order) => stashPlacement(order, plan.microBatches));
  const residents = orders.map((order) => residentsOf(order, plan));
  const stages = orders.map((order, stage) => {
    const { offsets } = stash[stage]!;
    const ends = lastOfMiniBatch(order, table);
    return order.map((action): LoweredAction => {
      const { letter, microBatch } = action;
      const waits: number[] = isFirst(stage) && action === orders[stage]![0] ? [events.count] : [];
      for (const dependency of table.dependenciesOf(action)) {
        const source = parseAction(dependency.action);
        if (dependency.message !== "none") waits.push(events.sendOf(source));
        else if (source.stage !== stage) waits.push(events.of(source));
      }
      const base = {
        action,
        event: events.of(action),
        waits,
        slot: offsets[microBatch]!,
        ends: ends.get(`${letter}${microBatch}`),
      };
      if (letter === "U") return { ...base, inBuffer: undefined, outBuffer: undefined, send: undefined };
      const up = letter === "F";
      const target = table.receiverOf(stage, letter);
      const own = (up ? forwards : backwards)[stage]!;
      const k = own.position.get(microBatch)!;
      const buffers = plan.buffers[stage]!;
      const hasInput = table.senderOf(stage, letter) >= 0;
      const inBuffer = hasInput ? k % (up ? buffers.activationIn : buffers.gradientIn) : undefined;
      if (target < 0) return { ...base, inBuffer, outBuffer: undefined, send: undefined };
      const numOut = up ? buffers.activationOut : buffers.gradientOut;
      const numIn = up ? plan.buffers[target]!.activationIn : plan.buffers[target]!.gradientIn;
      if (k >= numOut) waits.push(events.sendOf({ ...action, microBatch: own.order[k - numOut]! }));
      const sendWaits = [events.of(action)];
      if (k >= numIn) sendWaits.push(events.of({ stage: target, letter, microBatch: own.order[k - numIn]! }));
      return {
        ...base,
        inBuffer,
        outBuffer: k % numOut,
        send: { event: events.sendOf(action), waits: sendWaits, toStage: target, toBuffer: k % numIn },
      };
    });
  });
  return { stages, numEvents: events.count + 1, startEvent: events.count, stash, residents };
}
