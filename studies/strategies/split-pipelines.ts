import { maximum, sum } from "../../core/index.ts";
import {
  type Action,
  type ActionLetter,
  backwardPasses,
  COMPUTE_BYTES,
  type LayerPass,
  type Orders,
  type Stage,
} from "../../plan/index.ts";
import { type PipelineTask, pipelineTasks } from "../../sim/index.ts";
import { type BackwardShares, backwardShares, NO_SHARES } from "./backward-shares.ts";
import { type DeviceNeed, deviceNeed, type HeldLayers, keptOf, stageOf } from "./device-needs.ts";
import { messageSeconds } from "./interconnect.ts";
import { interleavedOrders } from "./interleaved.ts";
import { computeOf, type Platform, type TrainedModel, timesOf } from "./platform.ts";
import type { StepGraph, StepWork } from "./step-graph.ts";
import { cutStep, type RowLengths, type StepRows } from "./step-rows.ts";
import { zeroBubbleOrders } from "./zero-bubble.ts";

/** Schedules of one job's mini-batch that plans do not have: several stages a device, or the gradients apart. */
export type SplitSchedule = "interleaved" | "zb-h1";

/** Chunks of a device with `interleaved`. */
const CHUNKS = 2;

/** Why a schedule does not exist for so many layers, devices and micro-batches: what it expects. */
export function splitPipelineExpects(
  schedule: SplitSchedule,
  numDevices: number,
  numLayers: number,
  numMicroBatches: number,
): string | undefined {
  const isInterleaved = schedule === "interleaved";
  const perDevice = isInterleaved ? CHUNKS : 1;
  if (numLayers >= perDevice * numDevices && (!isInterleaved || numMicroBatches % numDevices === 0)) return undefined;
  return isInterleaved
    ? `micro-batches that are a multiple of ${numDevices} devices, and two layers a device, for interleaved`
    : `at least a layer for each of ${numDevices} devices for zb-h1`;
}

/** A step of one job over stages, of which device d has d, d + D, ... */
interface Pipeline {
  readonly orders: Orders<ActionLetter>;
  readonly stages: readonly Stage[];
  readonly microBatches: readonly RowLengths[];
  readonly splitsBackward: boolean;
}

/** Layers of each stage: as equal as can be, the first ones longer, since the last has the head. */
function evenStages(model: TrainedModel, numStages: number): readonly Stage[] {
  const { numLayers } = model.architecture;
  let firstLayer = 0;
  return Array.from({ length: numStages }, (_, index) => {
    const stage = stageOf(model, firstLayer, firstLayer + Math.ceil((numLayers - index) / numStages));
    firstLayer = stage.endLayer;
    return stage;
  });
}

function stagesOf(model: TrainedModel, numDevices: number, schedule: SplitSchedule): readonly Stage[] {
  return evenStages(model, (schedule === "interleaved" ? CHUNKS : 1) * numDevices);
}

/** The stages of each device. */
export function splitPipelineLayers(
  { devices }: Platform,
  model: TrainedModel,
  schedule: SplitSchedule,
): readonly HeldLayers[] {
  const all = stagesOf(model, devices.length, schedule);
  return devices.map((_, device) => ({ stages: all.filter((_stage, index) => index % devices.length === device) }));
}

function pipelineOf({ devices }: Platform, model: TrainedModel, step: StepRows, schedule: SplitSchedule): Pipeline {
  const numDevices = devices.length;
  const microBatches = cutStep(step);
  const isInterleaved = schedule === "interleaved";
  return {
    orders: isInterleaved
      ? interleavedOrders(numDevices, CHUNKS, microBatches.length)
      : zeroBubbleOrders(numDevices, microBatches.length),
    stages: stagesOf(model, numDevices, schedule),
    microBatches,
    splitsBackward: !isInterleaved,
  };
}

/** Seconds of an action, and what of a backward is not for the input's gradients. */
function actionTimes(platform: Platform, model: TrainedModel, { stages, microBatches, splitsBackward }: Pipeline) {
  const { recompute, full } = model;
  const times = timesOf(platform, model);
  const passes: Readonly<Record<ActionLetter, readonly LayerPass[]>> = {
    F: ["F"],
    B: backwardPasses(recompute, full),
    I: backwardPasses(recompute),
    W: full ? ["W"] : [],
    U: [],
    E: ["F"],
  };
  const known = new Map<string, number>();
  const perLayer = (letter: ActionLetter, microBatch: number): number => {
    const key = `${letter}${microBatch}`;
    const found =
      known.get(key) ?? (passes[letter].length === 0 ? 0 : times.layer(microBatches[microBatch]!, passes[letter]));
    known.set(key, found);
    return found;
  };
  const ofLayers = microBatches.map((rows) => backwardShares(times, model, rows, splitsBackward));
  const layersSeconds = ({ stage, letter, microBatch }: Action<ActionLetter>): number =>
    (stages[stage]!.endLayer - stages[stage]!.firstLayer) * perLayer(letter, microBatch);
  const seconds = (action: Action<ActionLetter>): number => {
    const { stage, letter, microBatch } = action;
    // With the gradients apart the head's backward is all in its I.
    if (!stages[stage]!.head || letter === "W" || letter === "U") return layersSeconds(action);
    return layersSeconds(action) + times.head(sum(microBatches[microBatch]!), letter === "F" ? "F" : "B");
  };
  const shares = (action: Action<ActionLetter>): BackwardShares => {
    const all = seconds(action);
    if ((action.letter !== "B" && action.letter !== "I") || all === 0) return NO_SHARES;
    const { recomputed, weights } = ofLayers[action.microBatch]!;
    const part = layersSeconds(action) / all;
    return { recomputed: part * recomputed, weights: part * weights };
  };
  return { seconds, shares };
}

/** The letter after which a micro-batch's activations are let go. */
function lastUse({ splitsBackward }: Pipeline): "B" | "W" {
  return splitsBackward ? "W" : "B";
}

/** Bytes of activations that a forward leaves until the last use of its micro-batch. */
function heldBytes(platform: Platform, model: TrainedModel, { stages, microBatches }: Pipeline) {
  const kept = microBatches.map((rows) => keptOf(platform, model, rows, { hasHead: true }));
  return ({ stage, microBatch }: Action<ActionLetter>): number => {
    const { firstLayer, endLayer, head } = stages[stage]!;
    return (endLayer - firstLayer) * kept[microBatch]!.layer + (head ? kept[microBatch]!.head : 0);
  };
}

const WORK_KINDS = { compute: "compute", send: "send", receive: "receive", post: "send" } as const;

function workOf(
  { op, kind, message }: PipelineTask,
  deviceOf: (stage: number) => number,
  overlap: boolean,
  { bytes, heldBytes: held, shares = NO_SHARES }: Pick<StepWork, "bytes" | "heldBytes" | "shares">,
): StepWork {
  const { stage, microBatch } = op;
  const isMessage = kind === "send" && overlap && message !== undefined;
  const devices = isMessage
    ? [deviceOf(message.from), deviceOf(message.to)]
    : [deviceOf(kind === "receive" ? message!.to : stage)];
  return {
    kind: isMessage ? "message" : WORK_KINDS[kind],
    stage,
    letter: op.letter,
    devices,
    microBatches: devices.map(() => microBatch),
    bytes: kind === "compute" ? 0 : bytes,
    heldBytes: kind === "compute" ? held : 0,
    ...(kind === "compute" && shares !== NO_SHARES ? { shares } : {}),
  };
}

/** The step's tasks. `overlap`: whether messages travel beside computation. */
export function splitPipelineTasks(
  platform: Platform,
  model: TrainedModel,
  step: StepRows,
  schedule: SplitSchedule,
  overlap: boolean,
): StepGraph {
  const pipeline = pipelineOf(platform, model, step, schedule);
  const { orders, stages, microBatches } = pipeline;
  const { devices, interconnect } = platform;
  const deviceOf = (stage: number): number => stage % devices.length;
  const bytesPerToken = model.architecture.hiddenSize * COMPUTE_BYTES[computeOf(model)];
  const bytesOf = microBatches.map((rows) => sum(rows) * bytesPerToken);
  const message = (sent: { readonly from: number; readonly to: number; readonly microBatch: number }) =>
    interconnect.message(deviceOf(sent.from), deviceOf(sent.to), bytesOf[sent.microBatch]!);
  const { seconds, shares } = actionTimes(platform, model, pipeline);
  const graph = pipelineTasks({
    orders,
    numStages: stages.length,
    deviceOf,
    seconds,
    message,
    ...(overlap ? {} : { blockingSeconds: (sent) => messageSeconds(interconnect, message(sent)).arrival }),
  });
  const held = heldBytes(platform, model, pipeline);
  const last = lastUse(pipeline);
  const changeOf = (action: Action<ActionLetter>): number =>
    action.letter === "F" ? held(action) : action.letter === last ? -held(action) : 0;
  return {
    tasks: graph.tasks.map((task) => ({
      ...task,
      work: workOf(task, deviceOf, overlap, {
        bytes: bytesOf[task.op.microBatch]!,
        heldBytes: changeOf(task.op),
        shares: shares(task.op),
      }),
    })),
    orders: graph.orders,
    microBatches: microBatches.map((rows, part) => ({ tokens: sum(rows), part })),
  };
}

/** The most that is held at any time along an order, from forwards to the letter that needs it last. */
export function mostHeld<A extends Pick<Action<ActionLetter>, "letter">>(
  order: readonly A[],
  held: (action: A) => number,
  last: "B" | "W",
): number {
  let [now, most] = [0, 0];
  for (const action of order) {
    if (action.letter === "F") now += held(action);
    else if (action.letter === last) now -= held(action);
    most = Math.max(most, now);
  }
  return most;
}

/** What each device needs. */
export function splitPipelineNeeds(
  platform: Platform,
  model: TrainedModel,
  step: StepRows,
  schedule: SplitSchedule,
): readonly DeviceNeed[] {
  const pipeline = pipelineOf(platform, model, step, schedule);
  const { orders, microBatches } = pipeline;
  const held = heldBytes(platform, model, pipeline);
  return splitPipelineLayers(platform, model, schedule).map(({ stages }, device) => {
    const hasHead = stages.some(({ head }) => head);
    return deviceNeed(platform, model, step, {
      stages,
      activations: mostHeld(orders[device]!, held, lastUse(pipeline)),
      workspace: maximum(microBatches.map((rows) => keptOf(platform, model, rows, { hasHead }).workspace)),
    });
  });
}
