import type { ActionLetter } from "../../plan/index.ts";
import {
  type Collective,
  runTasks,
  type SharedFactors,
  type Task,
  type TaskGraph,
  type TaskTimes,
} from "../../sim/index.ts";
import type { BackwardShares } from "./backward-shares.ts";
import type { Platform } from "./platform.ts";

/** What a task of a step is, for a trace. */
export interface StepWork {
  /**
   * A `message` is on its way beside computation; one that blocks is a `send`, then a `receive`. `norms` of gradients
   * are there, or on their way to another machine.
   */
  readonly kind: "compute" | "message" | "send" | "receive" | "norms" | Collective;
  /** A layer, or the number of layers for norm, head and loss; in a pipeline a chunk of layers. */
  readonly stage: number;
  readonly letter: ActionLetter;
  /** Who takes part; of a message the sender, then the receiver. */
  readonly devices: readonly number[];
  /** The micro-batch of each of them, numbered within the step. */
  readonly microBatches: readonly number[];
  /** The buffer of a collective, a message; 0 for computation. */
  readonly bytes: number;
  /** Activations that each device keeps from the start on, or with a minus lets go at the end. */
  readonly heldBytes: number;
  /** Of a backward's computation. */
  readonly shares?: BackwardShares;
}

export function isCollective(kind: StepWork["kind"]): kind is Collective {
  return kind === "all-gather" || kind === "reduce-scatter" || kind === "all-reduce";
}

export type StepTask = Task & { readonly work: StepWork };

export interface StepMicroBatch {
  readonly tokens: number;
  /** Within the mini-batch of its device. */
  readonly part: number;
}

/** One optimizer step of one job: device d computes on stream d. */
export interface StepGraph extends TaskGraph {
  readonly tasks: readonly StepTask[];
  readonly microBatches: readonly StepMicroBatch[];
}

/** Collects tasks in the order in which their streams run them. */
export interface StepBuilder {
  readonly tasks: StepTask[];
  readonly orders: number[][];
  add(task: Omit<StepTask, "name">): number;
}

export function createStepBuilder(numStreams: number): StepBuilder {
  const tasks: StepTask[] = [];
  const orders: number[][] = Array.from({ length: numStreams }, () => []);
  return {
    tasks,
    orders,
    add(task) {
      const { kind, stage, letter, devices, microBatches } = task.work;
      const name = `${kind} ${stage}${letter}${microBatches[0]} on ${devices[0]}`;
      const index = tasks.push({ ...task, name }) - 1;
      for (const stream of task.streams) orders[stream]!.push(index);
      return index;
    },
  };
}

function scaled(task: StepTask, { actions, links }: SharedFactors): StepTask {
  const { kind, letter } = task.work;
  const pass = letter === "F" || letter === "U" ? letter : "B";
  if (kind === "compute") return { ...task, seconds: task.seconds * actions[pass] };
  return {
    ...task,
    seconds: task.seconds * links,
    ...(task.flows && { flows: task.flows.map(({ route, bytes }) => ({ route, bytes: bytes * links })) }),
    ...(task.latencySeconds && { latencySeconds: task.latencySeconds * links }),
  };
}

/** The step with its times off by factors: forwards, backwards with all their parts, updates, and whatever
 * crosses links. */
export function withFactors(graph: StepGraph, factors: SharedFactors): StepGraph {
  return { ...graph, tasks: graph.tasks.map((task) => scaled(task, factors)) };
}

export function runStep({ interconnect }: Pick<Platform, "interconnect">, graph: StepGraph): TaskTimes {
  return runTasks(graph, interconnect.linkBytesPerSecond);
}
