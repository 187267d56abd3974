import { sum } from "../../core/index.ts";
import {
  type Architecture,
  type DevicePeaks,
  decoderDimensions,
  type LayerEfficiency,
  type LayerPass,
  type LayerWork,
  layerSeconds,
  layerWork,
  type Projection,
  projectionShape,
} from "../../plan/index.ts";
import type { Interconnect } from "./interconnect.ts";
import type { RowLengths, StepRows } from "./step-rows.ts";

/** Equal devices and how near software comes to what they can do. */
export interface Platform {
  readonly numDevices: number;
  readonly peaks: DevicePeaks;
  readonly memoryBytes: number;
  readonly efficiency: LayerEfficiency;
  /** Bytes moved for each token and entry of the vocabulary, forward and backward together. */
  readonly headBytes: number;
  readonly interconnect: Interconnect;
  /** Memory that context and libraries take, and reserved over allocated memory. */
  readonly contextBytes: number;
  readonly allocatorFactor: number;
}

/** What one job trains, whatever the rows of its steps are. */
export interface TrainedModel {
  readonly arch: Architecture;
  /** Of activations and messages. */
  readonly activationBytes: number;
  /** Of one base weight: 4, 2, 1 or 0.5. */
  readonly weightBytes: number;
  /** Whether base weights are trained: then W runs, and gradients and optimizer state exist for all of them. */
  readonly full: boolean;
  /** Whether the backward computes each layer again. */
  readonly recompute: boolean;
  /** Parameters of one adapter. */
  readonly adapterParameters: number;
}

/** A mini-batch of equal sequences a step. */
export interface Training extends TrainedModel {
  readonly sequences: number;
  readonly sequenceLength: number;
  readonly microBatches: number;
}

/** A step of equal rows. */
export function equalRows({ sequences, sequenceLength, microBatches }: Training): StepRows {
  return {
    lengths: Array.from({ length: sequences }, () => sequenceLength),
    microBatchSize: sequences / microBatches,
  };
}

/** A and B of each target in each layer. */
export function loraParameters(arch: Architecture, rank: number, targets: readonly Projection[]): number {
  const perLayer = targets.map((target) => projectionShape(arch, target)).map((shape) => rank * (shape.in + shape.out));
  return arch.numLayers * sum(perLayer);
}

export function forwardPasses(): readonly LayerPass[] {
  return ["F"];
}

export function backwardPasses({ full, recompute }: TrainedModel): readonly LayerPass[] {
  return [...(recompute ? (["recomputed"] as const) : []), "I", ...(full ? (["W"] as const) : [])];
}

/** Bytes that dequantizing one weight moves before a pass: its code in, a weight of the activations' type out. */
function dequantizedBytes({ weightBytes, activationBytes }: TrainedModel): number {
  return weightBytes < 2 ? weightBytes + activationBytes : 0;
}

function sumOfWork(works: readonly LayerWork[]): LayerWork {
  const total = (part: keyof LayerWork): number => works.reduce((all, work) => all + work[part], 0);
  return {
    flops: total("flops"),
    activations: total("activations"),
    scores: total("scores"),
    passes: 0,
    communicationSeconds: 0,
  };
}

/** Seconds of passes over one layer for packed rows on one device, which has 1 / `split` of the layer; attention sees each row alone. */
export function layerTime(
  platform: Platform,
  model: TrainedModel,
  rows: RowLengths,
  passes: readonly LayerPass[],
  split = 1,
): number {
  const dimensions = decoderDimensions(model.arch);
  const works = rows.map((tokens) =>
    layerWork(dimensions, { tokens, sequenceLength: tokens, tensorParallel: split }, passes),
  );
  const touching = passes.filter((pass) => pass !== "W").length;
  const dequantized = (touching * dimensions.parameters * dequantizedBytes(model)) / split;
  const dequantizing = dequantized / platform.peaks.bytesPerSecond;
  const work = { ...sumOfWork(works), passes: touching, communicationSeconds: dequantizing };
  return layerSeconds(work, platform.peaks, platform.efficiency, 1);
}

/** Seconds of norm, head and loss in one direction. */
export function headTime(
  platform: Platform,
  model: TrainedModel,
  rows: RowLengths,
  letter: "F" | "B",
  split = 1,
): number {
  const entries = (sum(rows) * model.arch.vocabularySize) / split;
  const products = 2 * entries * model.arch.hiddenSize * (letter === "B" && model.full ? 2 : 1);
  return (
    products / (platform.peaks.flopsPerSecond * platform.efficiency.computeEfficiency) +
    (entries * platform.headBytes) / 2 / platform.peaks.bytesPerSecond
  );
}
