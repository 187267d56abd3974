import type { PipelineOp, PipelineOrders } from "../plan/index.ts";
import type { MessageCost, Task, TaskGraph } from "./run-tasks.ts";

/** A message between neighbouring chunks on different devices. */
export interface PipelineMessage {
  readonly from: number;
  readonly to: number;
  readonly microBatch: number;
}

export interface TimedPipeline {
  readonly orders: PipelineOrders;
  readonly numChunks: number;
  readonly deviceOf: (chunk: number) => number;
  readonly seconds: (op: PipelineOp) => number;
  readonly message: (message: PipelineMessage) => MessageCost;
  /**
   * Without it messages travel beside computation. With it they take the compute streams: the sender's from the end of the op until
   * all is sent, and the receiver's for these seconds, from when it is the turn of the op that needs the message.
   */
  readonly blockingSeconds?: (message: PipelineMessage) => number;
  /** Ops that an op needs beside its message. */
  readonly signals?: (op: PipelineOp) => readonly PipelineOp[];
}

/** A task with the op that it computes, or whose result it moves. */
export type PipelineTask = Task & {
  readonly op: PipelineOp;
  readonly kind: "compute" | "send" | "receive" | "post";
  readonly message?: PipelineMessage;
};

/** Device d computes on stream d; each pair of neighbouring chunks has further streams where messages overlap with computation. */
export interface PipelineGraph extends TaskGraph {
  readonly tasks: readonly PipelineTask[];
}

export function opName({ chunk, letter, microBatch }: PipelineOp): string {
  return `${chunk}${letter}${microBatch}`;
}

/** Who gets the result of an op; undefined where it stays. */
function targetOf({ chunk, letter }: PipelineOp, numChunks: number): number | undefined {
  const to = letter === "F" ? chunk + 1 : letter === "B" || letter === "I" ? chunk - 1 : -1;
  return to < 0 || to >= numChunks ? undefined : to;
}

/**
 * A pipeline's ops and its messages as tasks. Device d computes on stream d; each pair of neighbouring chunks has a lane for
 * each direction, where messages leave in the order in which they are made, so that transfers overlap with computation.
 * An op waits for its message, and a W for its I; what else comes first is a matter of the orders and the signals.
 */
export function pipelineTasks(pipeline: TimedPipeline): PipelineGraph {
  const { orders, numChunks, deviceOf, seconds, message, blockingSeconds, signals } = pipeline;
  const tasks: PipelineTask[] = [];
  const indexOf = new Map<string, number>();
  const streams: number[][] = orders.map(() => []);
  const lanes = new Map<string, number>();

  const laneOf = (from: number, to: number): number => {
    const key = `${from} ${to}`;
    const lane = lanes.get(key) ?? streams.push([]) - 1;
    lanes.set(key, lane);
    return lane;
  };
  const add = (task: PipelineTask): number => {
    const index = tasks.push(task) - 1;
    indexOf.set(task.name, index);
    for (const stream of task.streams) streams[stream]!.push(index);
    return index;
  };

  const splits = orders.some((order) => order.some(({ letter }) => letter === "I"));
  /** The op whose result an op needs; undefined for a first forward and for what needs none. */
  const sourceOf = ({ chunk, letter, microBatch }: PipelineOp): PipelineOp | undefined => {
    switch (letter) {
      case "F":
        return chunk === 0 ? undefined : { chunk: chunk - 1, letter, microBatch };
      case "B":
      case "I":
        return chunk < numChunks - 1
          ? { chunk: chunk + 1, letter: splits ? "I" : "B", microBatch }
          : { chunk, letter: "F", microBatch };
      case "W":
        return { chunk, letter: "I", microBatch };
      case "U":
        return undefined;
    }
  };

  orders.forEach((order, device) => {
    for (const op of order) {
      const source = sourceOf(op);
      if (blockingSeconds !== undefined && source !== undefined && deviceOf(source.chunk) !== device) {
        const got = { from: source.chunk, to: op.chunk, microBatch: op.microBatch };
        const name = `>${opName(op)}`;
        add({
          name,
          op: source,
          kind: "receive",
          message: got,
          streams: [device],
          after: [],
          seconds: blockingSeconds(got),
        });
      }
      const index = add({ name: opName(op), op, kind: "compute", streams: [device], seconds: seconds(op), after: [] });
      const to = targetOf(op, numChunks);
      if (to === undefined || deviceOf(to) === device) continue;
      const sent = { from: op.chunk, to, microBatch: op.microBatch };
      const cost = message(sent);
      const name = `${opName(op)}>`;
      const send = { name, op, kind: "send", message: sent, after: [index] } as const;
      if (blockingSeconds === undefined) {
        add({ ...send, streams: [laneOf(op.chunk, to)], ...cost });
        continue;
      }
      add({ name: `${opName(op)}|`, op, kind: "post", streams: [device], after: [index], seconds: 0 });
      const { flows } = cost;
      add({ ...send, streams: [device], seconds: cost.seconds + cost.latencySeconds, flows });
    }
  });

  const resultOf = (op: PipelineOp, suffix: string): readonly number[] => {
    const index = indexOf.get(`${opName(op)}${suffix}`);
    return index === undefined ? [] : [index];
  };
  orders.forEach((order) => {
    for (const op of order) {
      const source = sourceOf(op);
      const index = indexOf.get(opName(op))!;
      const signalled = (signals?.(op) ?? []).flatMap((other) => resultOf(other, ""));
      const sent = source === undefined ? [] : resultOf(source, ">");
      const isMessage = source !== undefined && deviceOf(source.chunk) !== deviceOf(op.chunk);
      const own = source === undefined || isMessage ? [] : resultOf(source, "");
      tasks[index] = { ...tasks[index]!, after: [...(isMessage ? sent : own), ...signalled] };
      const receive = indexOf.get(`>${opName(op)}`);
      if (receive !== undefined) tasks[receive] = { ...tasks[receive]!, after: resultOf(source!, "|") };
    }
  });
  return { tasks, orders: streams };
}
