import { maximum, sum } from "../../core/index.ts";
import {
  adapterParameters,
  decoderDimensions,
  heldBytes,
  type KeptActivations,
  keptActivations,
  reservedMemory,
  roomOf,
  type Stage,
  type StageMemory,
  UPDATED_ELEMENTS,
  updateOperators,
  updateSeconds,
} from "../../plan/index.ts";
import type { Platform, TrainedModel } from "./platform.ts";
import type { RowLengths, StepRows } from "./step-rows.ts";

/** What a device needs: while the model is loaded it may be more than `total`. */
export interface DeviceNeed extends StageMemory {
  readonly load: number;
}

/** A range of layers with the ends that it has. */
export function stageOf({ architecture }: TrainedModel, firstLayer: number, endLayer: number): Stage {
  return {
    index: 0,
    device: 0,
    firstLayer,
    endLayer,
    embedding: firstLayer === 0,
    head: endLayer === architecture.numLayers,
    recomputedLayers: 0,
  };
}

export function wholeModel(model: TrainedModel): Stage {
  return stageOf(model, 0, model.architecture.numLayers);
}

/** At least 1: a device may take part in a collective without rows. */
function longest(lengths: RowLengths): number {
  return Math.max(1, maximum(lengths));
}

function heldOf({ devices }: Platform, model: TrainedModel, stage: Stage, maxSequence: number) {
  const { architecture, dtype, adapter } = model;
  const { kind, threads } = devices[0]!;
  return heldBytes({ architecture, stage, dtype, jobs: [{ adapter }], kind, threads, maxSequence });
}

/** Bytes of the frozen weights of one layer. */
export function layerWeightBytes(platform: Platform, model: TrainedModel): number {
  const weights = [1, 2].map((endLayer) => {
    const stage = { ...stageOf(model, 0, endLayer), embedding: false, head: false };
    return heldOf(platform, model, stage, 1).weights;
  });
  return weights[1]! - weights[0]!;
}

/** Gradients in fp32 that one layer leaves: of its base weights, or of the adapter's share of it. */
export function layerGradientBytes({ architecture, full, adapter }: TrainedModel): number {
  const layer = { firstLayer: 0, endLayer: 1 };
  return 4 * (full ? decoderDimensions(architecture).parameters : adapterParameters(architecture, layer, { adapter }));
}

/** Base weights of a stage: all matrices, without norms. */
function trainedParameters({ architecture }: TrainedModel, stage: Stage): number {
  const { vocabularySize, hiddenSize } = architecture;
  const ends = (stage.embedding ? 1 : 0) + (stage.head ? 1 : 0);
  return (
    (stage.endLayer - stage.firstLayer) * decoderDimensions(architecture).parameters +
    ends * vocabularySize * hiddenSize
  );
}

/** What a micro-batch of these rows leaves between forward and backward. */
export function keptOf(
  { devices, program }: Platform,
  model: TrainedModel,
  rows: RowLengths,
  options: { readonly hasHead: boolean; readonly split?: number },
): KeptActivations {
  const { architecture, dtype, recompute, adapter } = model;
  const { kind, threads } = devices[0]!;
  const input = { architecture, dtype, isRecomputed: recompute === "layer", kind, threads };
  const eager = program.eager === undefined ? {} : { eager: program.eager };
  const room = roomOf(architecture, [{ adapter }], { maxTokens: Math.max(1, sum(rows)), maxSequence: longest(rows) });
  return keptActivations({ ...input, ...eager, room }, options);
}

/** What of a model's layers a device has, updates included. */
export interface HeldLayers {
  readonly stages: readonly Stage[];
  /** Devices that share these stages: each has one part of all their matrices. */
  readonly split?: number;
}

/** What a device has of a model, and what is on it at the most. */
interface DeviceShare extends HeldLayers {
  /** Frozen weights that come and go. */
  readonly gatheredBytes?: number;
  readonly activations: number;
  readonly workspace: number;
  readonly load?: number;
}

/**
 * What a device needs by its share. Adapters with gradient and two moments; in full training a gradient and two moments
 * in fp32 for every weight of the share instead.
 */
export function deviceNeed(
  platform: Platform,
  model: TrainedModel,
  step: StepRows,
  { stages, split = 1, gatheredBytes = 0, activations, workspace, load = 0 }: DeviceShare,
): DeviceNeed {
  const held = stages.map((stage) => heldOf(platform, model, stage, longest(step.lengths)));
  const shareOf = (part: "weights" | "adapters" | "optimizer"): number => sum(held.map((each) => each[part])) / split;
  const trained = sum(stages.map((stage) => trainedParameters(model, stage))) / split;
  const parts = {
    weights: shareOf("weights") + gatheredBytes,
    adapters: model.full ? 4 * trained : shareOf("adapters"),
    optimizer: model.full ? 8 * trained : shareOf("optimizer"),
    activations,
    buffers: 0,
    workspace: workspace + maximum(held.map(({ other }) => other)),
  };
  return needOf(
    reservedMemory(parts, platform.program),
    load === 0 ? 0 : Math.ceil(load + platform.program.contextBytes),
  );
}

/** Seconds in which a device updates what it has: adapters, or in full training all base weights. */
export function heldUpdateSeconds(
  { devices, figures }: Platform,
  model: TrainedModel,
  { stages, split = 1 }: HeldLayers,
): number {
  const { architecture, adapter, dtype, full } = model;
  const elements = stages.map((stage) =>
    full
      ? UPDATED_ELEMENTS * trainedParameters(model, stage)
      : sum(updateOperators({ architecture, stage, jobs: [{ adapter }] }, [0]).map((call) => call.elements)),
  );
  return updateSeconds(sum(elements) / split, devices[0]!, dtype, figures);
}

function needOf(memory: StageMemory, load: number): DeviceNeed {
  return { ...memory, load, total: Math.max(memory.total, load) };
}

/** Part by part the most of several needs. */
export function largestNeed(needs: readonly DeviceNeed[]): DeviceNeed {
  const largest = (part: keyof DeviceNeed): number => maximum(needs.map((need) => need[part]));
  const parts = {
    weights: largest("weights"),
    adapters: largest("adapters"),
    optimizer: largest("optimizer"),
    activations: largest("activations"),
    buffers: largest("buffers"),
    workspace: largest("workspace"),
  };
  return needOf({ ...parts, total: sum(Object.values(parts)) }, largest("load"));
}

export function fitsDevices({ devices }: Platform, needs: readonly DeviceNeed[]): boolean {
  return needs.every(({ total }, device) => total <= (devices[device]!.memoryBytes ?? Number.POSITIVE_INFINITY));
}
