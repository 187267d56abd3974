import {
  interleavedOrders,
  type PipelineOp,
  type PipelineOrders,
  SCHEDULE_TABLE,
  zeroBubbleOrders,
} from "../../plan/index.ts";
import { pipelineTasks, runTasks } from "../../sim/index.ts";
import {
  activationBytesPerToken,
  baseParameters,
  headBytes,
  type MemoryNeed,
  stateBytes,
  totalBytes,
} from "./memory.ts";
import { evenLayers } from "./pipeline.ts";
import { backwardPasses, forwardPasses, headTime, layerTime, type Platform, type Training } from "./setting.ts";

/** Schedules of one job's mini-batch; each ends with all gradients there, before the next one begins. */
export const SINGLE_JOB_SCHEDULES = ["1f1b", "gpipe", "interleaved", "zb-h1"] as const;
export type SingleJobSchedule = (typeof SINGLE_JOB_SCHEDULES)[number];

/** Chunks of a device with `interleaved`. */
const CHUNKS = 2;

function planOrders(schedule: "1f1b" | "gpipe", numStages: number, numMicroBatches: number): PipelineOrders {
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
  return orders.map((order) =>
    order
      .filter(({ letter }) => letter !== "U")
      .map(({ stage, letter, microBatch }) => ({ chunk: stage, letter, microBatch })),
  );
}

/** Undefined where the schedule does not exist for this many layers, devices and micro-batches. */
function ordersOf(schedule: SingleJobSchedule, platform: Platform, training: Training): PipelineOrders | undefined {
  const { numDevices } = platform;
  const { microBatches, arch } = training;
  switch (schedule) {
    case "1f1b":
    case "gpipe":
      return planOrders(schedule, numDevices, microBatches);
    case "interleaved":
      return microBatches % numDevices === 0 && arch.numLayers >= CHUNKS * numDevices
        ? interleavedOrders(numDevices, CHUNKS, microBatches)
        : undefined;
    case "zb-h1":
      return zeroBubbleOrders(numDevices, microBatches);
  }
}

function opSeconds(platform: Platform, training: Training, layers: readonly number[], splitsBackward: boolean) {
  const { sequences, sequenceLength, microBatches } = training;
  const tokens = (sequences / microBatches) * sequenceLength;
  const layer = (passes: Parameters<typeof layerTime>[3]): number => layerTime(platform, training, tokens, passes);
  const backward = backwardPasses(training);
  const perLayer: Readonly<Record<PipelineOp["letter"], number>> = {
    F: layer(forwardPasses()),
    B: layer(backward),
    I: layer(backward.filter((pass) => pass !== "W")),
    W: training.full ? layer(["W"]) : 0,
    U: 0,
  };
  const head = (letter: "F" | "B"): number => headTime(platform, training, tokens, letter);
  return ({ chunk, letter }: PipelineOp): number => {
    const own = layers[chunk]! * perLayer[letter];
    if (chunk < layers.length - 1 || letter === "W" || letter === "U") return own;
    return own + head(letter === "F" ? "F" : splitsBackward || letter === "B" ? "B" : "F");
  };
}

/** Bytes of activations of a device at its fullest: each chunk's from its forward to its last gradient. */
function peakActivations(order: readonly PipelineOp[], layers: readonly number[], bytesPerLayer: number): number {
  const isSplit = new Set(order.flatMap(({ letter, microBatch }) => (letter === "W" ? [microBatch] : [])));
  let held = 0;
  let peak = 0;
  for (const { chunk, letter, microBatch } of order) {
    const last = isSplit.has(microBatch) ? "W" : "B";
    held += letter === "F" ? layers[chunk]! : letter === last ? -layers[chunk]! : 0;
    peak = Math.max(peak, held);
  }
  return peak * bytesPerLayer;
}

function memoryOf(
  platform: Platform,
  training: Training,
  orders: PipelineOrders,
  layers: readonly number[],
): MemoryNeed {
  const { arch, sequences, sequenceLength, microBatches } = training;
  const tokens = (sequences / microBatches) * sequenceLength;
  const perLayer = baseParameters({ ...arch, vocabularySize: 0 }) / arch.numLayers;
  const needs = orders.map((order, device): MemoryNeed => {
    const own = layers.filter((_, chunk) => chunk % orders.length === device).reduce((a, b) => a + b, 0);
    const isEnd = device === 0 || device === orders.length - 1;
    const parameters = own * perLayer + (isEnd ? arch.vocabularySize * arch.hiddenSize : 0);
    const head = device === orders.length - 1 ? headBytes(training, tokens) : 0;
    return {
      weights: parameters * training.weightBytes,
      state: stateBytes(training, parameters, 1) * (training.full ? 1 : own / arch.numLayers),
      activations: peakActivations(order, layers, tokens * activationBytesPerToken(training)) + head,
      load: 0,
    };
  });
  return needs.reduce((a, b) => (totalBytes(platform, b) > totalBytes(platform, a) ? b : a));
}

export interface SingleJobResult {
  readonly seconds: number;
  readonly memory: MemoryNeed;
}

/** One step of one job with every message on the wire; undefined where the schedule does not exist for this setting. */
export function singleJobStep(
  platform: Platform,
  training: Training,
  schedule: SingleJobSchedule,
): SingleJobResult | undefined {
  const orders = ordersOf(schedule, platform, training);
  if (orders === undefined) return undefined;
  const { numDevices, interconnect } = platform;
  const numChunks = schedule === "interleaved" ? CHUNKS * numDevices : numDevices;
  const layers = evenLayers(training.arch.numLayers, numChunks);
  const { sequences, sequenceLength, microBatches, arch, activationBytes } = training;
  const bytes = (sequences / microBatches) * sequenceLength * arch.hiddenSize * activationBytes;
  const deviceOf = (chunk: number): number => chunk % numDevices;
  const graph = pipelineTasks({
    orders,
    numChunks,
    deviceOf,
    seconds: opSeconds(platform, training, layers, schedule === "zb-h1"),
    message: ({ from, to }) => interconnect.message(deviceOf(from), deviceOf(to), bytes),
  });
  const seconds = runTasks(graph, interconnect.linkBytesPerSecond).makespanNs / 1e9;
  return { seconds, memory: memoryOf(platform, training, orders, layers) };
}
