import { ACTION_LETTERS, type Action, type ActionLetter, formatAction, type Orders } from "../../plan/index.ts";
import type { MessageCost, Task, TaskGraph } from "./run-tasks.ts";

type AnyAction = Action<ActionLetter>;

/** A message between neighbouring stages on different devices. */
export interface PipelineMessage {
  readonly from: number;
  readonly to: number;
  readonly microBatch: number;
}

export interface TimedPipeline {
  readonly orders: Orders<ActionLetter>;
  readonly numStages: number;
  /** Those that begin a pipeline; only the first where absent. */
  readonly firstStages?: readonly number[];
  readonly deviceOf: (stage: number) => number;
  readonly seconds: (op: AnyAction) => number;
  readonly message: (message: PipelineMessage) => MessageCost;
  /**
   * Messages travel beside computation where it is undefined. Others take the compute streams: the sender's from the
   * end of the op until all is sent, and the receiver's for these seconds, from when it is the turn of the op that
   * needs the message.
   */
  readonly blockingSeconds?: (message: PipelineMessage) => number | undefined;
  /** Ops that an op needs beside its message. */
  readonly signals?: (op: AnyAction) => readonly AnyAction[];
}

/** A task with the op that it computes, or whose result it moves. */
export type PipelineTask = Task & {
  readonly op: AnyAction;
  readonly kind: "compute" | "send" | "receive" | "post";
  readonly message?: PipelineMessage;
};

/**
 * Device d computes on stream d; each pair of neighbouring stages has further streams where messages overlap with
 * computation.
 */
export interface PipelineGraph extends TaskGraph {
  readonly tasks: readonly PipelineTask[];
}

const NONE = -1;

/** Tasks by op, in arrays with a cell for each possible op. */
function createOpTable(orders: Orders<ActionLetter>, numStages: number) {
  let numMicroBatches = 0;
  for (const order of orders)
    for (const { microBatch } of order) numMicroBatches = Math.max(numMicroBatches, microBatch + 1);
  const table = (): Int32Array => new Int32Array(numStages * ACTION_LETTERS.length * numMicroBatches).fill(NONE);
  return {
    cellOf: ({ stage, letter, microBatch }: AnyAction): number =>
      (stage * ACTION_LETTERS.length + ACTION_LETTERS.indexOf(letter)) * numMicroBatches + microBatch,
    computed: table(),
    sent: table(),
    posted: table(),
    received: table(),
  };
}

/**
 * A pipeline's ops and its messages as tasks. Device d computes on stream d; each pair of neighbouring stages has a
 * lane for each direction, where messages leave in the order in which they are made, so that transfers overlap with
 * computation. An op waits for its message, and a W for its I; what else comes first is a matter of the orders and the
 * signals.
 */
export function pipelineTasks(pipeline: TimedPipeline): PipelineGraph {
  const { orders, numStages, firstStages = [0], deviceOf, seconds, message, blockingSeconds, signals } = pipeline;
  const tasks: PipelineTask[] = [];
  /** What each task waits for; filled in once all tasks are there. */
  const afters: number[][] = [];
  const { cellOf, computed, sent, posted, received } = createOpTable(orders, numStages);
  const streams: number[][] = orders.map(() => []);
  const lanes = new Map<number, number>();

  const laneOf = (from: number, to: number): number => {
    const key = from * numStages + to;
    const lane = lanes.get(key) ?? streams.push([]) - 1;
    lanes.set(key, lane);
    return lane;
  };
  const add = (task: Omit<PipelineTask, "after">): number => {
    const after: number[] = [];
    afters.push(after);
    const index = tasks.push({ ...task, after }) - 1;
    for (const stream of task.streams) streams[stream]!.push(index);
    return index;
  };

  const isFirst = new Uint8Array(numStages + 1);
  for (const stage of [...firstStages, numStages]) isFirst[stage] = 1;
  const isLast = (stage: number): boolean => isFirst[stage + 1] === 1;
  const splits = orders.some((order) => order.some(({ letter }) => letter === "I"));
  /** The op whose result an op needs; undefined for a first forward and for what needs none. */
  const sourceOf = ({ stage, letter, microBatch }: AnyAction): AnyAction | undefined => {
    switch (letter) {
      case "F":
      case "E":
        return isFirst[stage] === 1 ? undefined : { stage: stage - 1, letter, microBatch };
      case "B":
      case "I":
        return isLast(stage)
          ? { stage, letter: "F", microBatch }
          : { stage: stage + 1, letter: splits ? "I" : "B", microBatch };
      case "W":
        return { stage, letter: "I", microBatch };
      case "U":
        return undefined;
    }
  };
  /** Who gets the result of an op; undefined where it stays. */
  const targetOf = ({ stage, letter }: AnyAction): number | undefined => {
    if (letter === "F" || letter === "E") return isLast(stage) ? undefined : stage + 1;
    return (letter === "B" || letter === "I") && isFirst[stage] === 0 ? stage - 1 : undefined;
  };
  const addReceive = (op: AnyAction, device: number): void => {
    const source = sourceOf(op);
    if (source === undefined || deviceOf(source.stage) === device) return;
    const got = { from: source.stage, to: op.stage, microBatch: op.microBatch };
    const alone = blockingSeconds?.(got);
    if (alone === undefined) return;
    const facts = { op: source, kind: "receive", message: got, streams: [device] } as const;
    received[cellOf(op)] = add({ name: `>${formatAction(op)}`, ...facts, seconds: alone });
  };
  const addSend = (op: AnyAction, device: number, computation: number): void => {
    const to = targetOf(op);
    if (to === undefined || deviceOf(to) === device) return;
    const moved = { from: op.stage, to, microBatch: op.microBatch };
    const { seconds: ownSeconds, flows, latencySeconds } = message(moved);
    const facts = { name: `${formatAction(op)}>`, op, kind: "send", message: moved, flows } as const;
    if (blockingSeconds?.(moved) === undefined) {
      sent[cellOf(op)] = add({ ...facts, streams: [laneOf(op.stage, to)], seconds: ownSeconds, latencySeconds });
    } else {
      const post = add({ name: `${formatAction(op)}|`, op, kind: "post", streams: [device], seconds: 0 });
      posted[cellOf(op)] = post;
      afters[post]!.push(computation);
      sent[cellOf(op)] = add({ ...facts, streams: [device], seconds: ownSeconds + latencySeconds });
    }
    afters[sent[cellOf(op)]!]!.push(computation);
  };

  orders.forEach((order, device) => {
    for (const op of order) {
      addReceive(op, device);
      const index = add({ name: formatAction(op), op, kind: "compute", streams: [device], seconds: seconds(op) });
      computed[cellOf(op)] = index;
      addSend(op, device, index);
    }
  });

  const wait = (task: number, other: number | undefined): void => {
    if (other !== undefined && other !== NONE) afters[task]!.push(other);
  };
  orders.forEach((order, device) => {
    for (const op of order) {
      const source = sourceOf(op);
      const index = computed[cellOf(op)]!;
      if (source !== undefined) {
        const cell = cellOf(source);
        const isMessage = deviceOf(source.stage) !== device;
        wait(index, (isMessage ? sent : computed)[cell]);
        if (posted[cell] !== NONE && received[cellOf(op)] !== NONE) wait(received[cellOf(op)]!, posted[cell]);
      }
      if (signals !== undefined) for (const other of signals(op)) wait(index, computed[cellOf(other)]);
    }
  });
  return { tasks, orders: streams };
}
