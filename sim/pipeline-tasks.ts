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
}

export function opName({ chunk, letter, microBatch }: PipelineOp): string {
  return `${chunk}${letter}${microBatch}`;
}

/**
 * A pipeline's ops and its messages as tasks. Device d computes on stream d; each pair of neighbouring chunks has a lane for
 * each direction, where messages leave in the order in which they are made, so that transfers overlap with computation.
 * An op waits for its message, and a W for its I; what else comes first is a matter of the orders.
 */
export function pipelineTasks({ orders, numChunks, deviceOf, seconds, message }: TimedPipeline): TaskGraph {
  const tasks: Task[] = [];
  const indexOf = new Map<string, number>();
  const streams: number[][] = orders.map(() => []);
  const lanes = new Map<string, number>();

  const laneOf = (from: number, to: number): number => {
    const key = `${from} ${to}`;
    const lane = lanes.get(key) ?? streams.push([]) - 1;
    lanes.set(key, lane);
    return lane;
  };
  const add = (task: Task): number => {
    const index = tasks.push(task) - 1;
    indexOf.set(task.name, index);
    for (const stream of task.streams) streams[stream]!.push(index);
    return index;
  };

  orders.forEach((order, device) => {
    for (const op of order) {
      const index = add({ name: opName(op), streams: [device], seconds: seconds(op), after: [] });
      const { chunk, letter, microBatch } = op;
      const to = letter === "F" ? chunk + 1 : letter === "B" || letter === "I" ? chunk - 1 : -1;
      if (to < 0 || to >= numChunks || deviceOf(to) === device) continue;
      const cost = message({ from: chunk, to, microBatch });
      add({ name: `${opName(op)}>`, streams: [laneOf(chunk, to)], after: [index], ...cost });
    }
  });

  /** Of the first name that there is: a message if the chunks are on different devices, else the op itself. */
  const resultOf = (chunk: number, letters: readonly PipelineOp["letter"][], microBatch: number): readonly number[] => {
    for (const letter of letters) {
      const name = opName({ chunk, letter, microBatch });
      const index = indexOf.get(`${name}>`) ?? indexOf.get(name);
      if (index !== undefined) return [index];
    }
    return [];
  };
  const needs = ({ chunk, letter, microBatch }: PipelineOp): readonly number[] => {
    switch (letter) {
      case "F":
        return chunk === 0 ? [] : resultOf(chunk - 1, ["F"], microBatch);
      case "B":
      case "I":
        return chunk < numChunks - 1
          ? resultOf(chunk + 1, ["B", "I"], microBatch)
          : [indexOf.get(opName({ chunk, letter: "F", microBatch }))!];
      case "W":
        return [indexOf.get(opName({ chunk, letter: "I", microBatch }))!];
      case "U":
        return [];
    }
  };
  for (const op of orders.flat()) {
    const index = indexOf.get(opName(op))!;
    tasks[index] = { ...tasks[index]!, after: needs(op) };
  }
  return { tasks, orders: streams };
}
