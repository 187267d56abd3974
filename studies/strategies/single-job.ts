import { sum } from "../../core/index.ts";
import {
  type Action,
  type ActionLetter,
  interleavedOrders,
  type Orders,
  peakHeld,
  SCHEDULE_TABLE,
  zeroBubbleOrders,
} from "../../plan/index.ts";
import { type PipelineTask, pipelineTasks } from "../../sim/index.ts";
import { messageSeconds } from "./interconnect.ts";
import {
  baseParameters,
  fullest,
  headBytes,
  layerActivationBytes,
  type MemoryNeed,
  recomputedBytes,
  stateBytes,
} from "./memory.ts";
import { evenLayers } from "./pipeline.ts";
import {
  backwardPasses,
  equalRows,
  forwardPasses,
  headTime,
  layerTime,
  type Platform,
  type TrainedModel,
  type Training,
} from "./setting.ts";
import { runStep, type StepGraph, type StepWork } from "./step-graph.ts";
import { cutRows, type RowLengths, type StepRows } from "./step-rows.ts";

/** Schedules of one job's mini-batch; each ends with all gradients there, before the next one begins. */
export const SINGLE_JOB_SCHEDULES = ["1f1b", "gpipe", "interleaved", "zb-h1"] as const;
export type SingleJobSchedule = (typeof SINGLE_JOB_SCHEDULES)[number];

/** Chunks of a device with `interleaved`. */
const CHUNKS = 2;

function planOrders(schedule: "1f1b" | "gpipe", numStages: number, numMicroBatches: number): Orders<ActionLetter> {
  const microBatches = Array.from({ length: numMicroBatches }, (_, index) => index);
  const orders = SCHEDULE_TABLE[schedule].build({
    numStages,
    miniBatches: [[{ group: 0, step: 0, microBatches }]],
    // Both are fixed orders that ask for no times.
    durationNs: () => 1,
    transferNs: () => ({ arrival: 0, occupied: 0 }),
    maxInFlight: null,
    clips: () => false,
  });
  return orders.map((order) => order.filter(({ letter }) => letter !== "U"));
}

/** Undefined where the schedule does not exist for this many layers, devices and micro-batches. */
function ordersOf(
  schedule: SingleJobSchedule,
  numDevices: number,
  numLayers: number,
  numMicroBatches: number,
): Orders<ActionLetter> | undefined {
  switch (schedule) {
    case "1f1b":
    case "gpipe":
      return planOrders(schedule, numDevices, numMicroBatches);
    case "interleaved":
      return numMicroBatches % numDevices === 0 && numLayers >= CHUNKS * numDevices
        ? interleavedOrders(numDevices, CHUNKS, numMicroBatches)
        : undefined;
    case "zb-h1":
      return zeroBubbleOrders(numDevices, numMicroBatches);
  }
}

/** A step of one job over stages or chunks. */
interface Pipeline {
  readonly orders: Orders<ActionLetter>;
  /** By chunk. */
  readonly layers: readonly number[];
  readonly microBatches: readonly RowLengths[];
  readonly splitsBackward: boolean;
}

function pipelineOf(
  { numDevices }: Platform,
  { arch }: TrainedModel,
  step: StepRows,
  schedule: SingleJobSchedule,
): Pipeline | undefined {
  const microBatches = cutRows(step.lengths, step.microBatchSize);
  const orders = ordersOf(schedule, numDevices, arch.numLayers, microBatches.length);
  if (orders === undefined) return undefined;
  const layers = evenLayers(arch.numLayers, schedule === "interleaved" ? CHUNKS * numDevices : numDevices);
  return { orders, layers, microBatches, splitsBackward: schedule === "zb-h1" };
}

function opSeconds(platform: Platform, model: TrainedModel, { layers, microBatches, splitsBackward }: Pipeline) {
  const backward = backwardPasses(model);
  const timesOf = (rows: RowLengths) => {
    const layer = (passes: Parameters<typeof layerTime>[3]): number => layerTime(platform, model, rows, passes);
    const perLayer: Readonly<Record<ActionLetter, number>> = {
      F: layer(forwardPasses()),
      B: layer(backward),
      I: layer(backward.filter((pass) => pass !== "W")),
      W: model.full ? layer(["W"]) : 0,
      U: 0,
    };
    return { perLayer, head: { F: headTime(platform, model, rows, "F"), B: headTime(platform, model, rows, "B") } };
  };
  const times = microBatches.map(timesOf);
  return ({ stage: chunk, letter, microBatch }: Action<ActionLetter>): number => {
    const { perLayer, head } = times[microBatch]!;
    const own = layers[chunk]! * perLayer[letter];
    if (chunk < layers.length - 1 || letter === "W" || letter === "U") return own;
    return own + head[letter === "F" ? "F" : splitsBackward || letter === "B" ? "B" : "F"];
  };
}

/** The letter after which a micro-batch's activations are let go. */
function lastUse({ splitsBackward }: Pipeline): "B" | "W" {
  return splitsBackward ? "W" : "B";
}

/** Bytes of activations that a forward leaves until the last use of its micro-batch. */
function heldBytes(model: TrainedModel, { layers, microBatches }: Pipeline) {
  const ofLayer = microBatches.map((rows) => layerActivationBytes(model, rows));
  return ({ stage, microBatch }: Action<ActionLetter>): number => layers[stage]! * ofLayer[microBatch]!;
}

const WORK_KINDS = { compute: "compute", send: "send", receive: "receive", post: "send" } as const;

function workOf(
  { op, kind, message }: PipelineTask,
  deviceOf: (chunk: number) => number,
  overlap: boolean,
  { bytes, heldBytes: held }: Pick<StepWork, "bytes" | "heldBytes">,
): StepWork {
  const { stage, microBatch } = op;
  const isMessage = kind === "send" && overlap && message !== undefined;
  const devices = isMessage
    ? [deviceOf(message.from), deviceOf(message.to)]
    : [deviceOf(kind === "receive" ? message!.to : stage)];
  return {
    kind: isMessage ? "message" : WORK_KINDS[kind],
    stage,
    letter: op.letter as StepWork["letter"],
    devices,
    microBatches: devices.map(() => microBatch),
    bytes: kind === "compute" ? 0 : bytes,
    heldBytes: kind === "compute" ? held : 0,
  };
}

/** The step's tasks; undefined where the schedule does not exist for this setting. `overlap`: whether messages travel beside computation. */
export function singleJobTasks(
  platform: Platform,
  model: TrainedModel,
  step: StepRows,
  schedule: SingleJobSchedule,
  overlap = true,
): StepGraph | undefined {
  const pipeline = pipelineOf(platform, model, step, schedule);
  if (pipeline === undefined) return undefined;
  const { orders, layers, microBatches } = pipeline;
  const { numDevices, interconnect } = platform;
  const deviceOf = (chunk: number): number => chunk % numDevices;
  const bytesOf = (microBatch: number): number =>
    sum(microBatches[microBatch]!) * model.arch.hiddenSize * model.activationBytes;
  const message = ({
    from,
    to,
    microBatch,
  }: {
    readonly from: number;
    readonly to: number;
    readonly microBatch: number;
  }) => interconnect.message(deviceOf(from), deviceOf(to), bytesOf(microBatch));
  const graph = pipelineTasks({
    orders,
    numStages: layers.length,
    deviceOf,
    seconds: opSeconds(platform, model, pipeline),
    message,
    ...(overlap ? {} : { blockingSeconds: (sent) => messageSeconds(interconnect, message(sent)).arrival }),
  });
  const held = heldBytes(model, pipeline);
  const last = lastUse(pipeline);
  const changeOf = (op: Action<ActionLetter>): number =>
    op.letter === "F" ? held(op) : op.letter === last ? -held(op) : 0;
  return {
    tasks: graph.tasks.map((task) => ({
      ...task,
      work: workOf(task, deviceOf, overlap, { bytes: bytesOf(task.op.microBatch), heldBytes: changeOf(task.op) }),
    })),
    orders: graph.orders,
    microBatches: microBatches.map((rows, part) => ({ tokens: sum(rows), part })),
  };
}

/** What each device needs; undefined where the schedule does not exist for this setting. */
export function singleJobNeeds(
  platform: Platform,
  model: TrainedModel,
  step: StepRows,
  schedule: SingleJobSchedule,
): readonly MemoryNeed[] | undefined {
  const pipeline = pipelineOf(platform, model, step, schedule);
  if (pipeline === undefined) return undefined;
  const { orders, layers, microBatches } = pipeline;
  const { arch } = model;
  const perLayer = baseParameters({ ...arch, vocabularySize: 0 }) / arch.numLayers;
  const largest = (bytes: (rows: RowLengths) => number): number => Math.max(...microBatches.map(bytes));
  const head = largest((rows) => headBytes(model, sum(rows)));
  const recomputed = largest((rows) => recomputedBytes(model, rows));
  const held = heldBytes(model, pipeline);
  return orders.map((order, device): MemoryNeed => {
    const own = sum(layers.filter((_, chunk) => chunk % orders.length === device));
    const isEnd = device === 0 || device === orders.length - 1;
    const parameters = own * perLayer + (isEnd ? arch.vocabularySize * arch.hiddenSize : 0);
    const peak = peakHeld(order, held, lastUse(pipeline));
    return {
      weights: parameters * model.weightBytes,
      state: stateBytes(model, parameters, 1) * (model.full ? 1 : own / arch.numLayers),
      activations: peak + Math.max(device === orders.length - 1 ? head : 0, recomputed),
      load: 0,
    };
  });
}

export interface SingleJobResult {
  readonly seconds: number;
  readonly memory: MemoryNeed;
}

/** One step of equal rows with every message on the wire; undefined where the schedule does not exist for this setting. */
export function singleJobStep(
  platform: Platform,
  training: Training,
  schedule: SingleJobSchedule,
  overlap = true,
): SingleJobResult | undefined {
  const step = equalRows(training);
  const graph = singleJobTasks(platform, training, step, schedule, overlap);
  const needs = singleJobNeeds(platform, training, step, schedule);
  if (graph === undefined || needs === undefined) return undefined;
  return { seconds: runStep(platform, graph).makespanNs / 1e9, memory: fullest(platform, needs) };
}
