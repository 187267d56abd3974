import { sum } from "../../core/index.ts";
import {
  type Architecture,
  type DevicePeaks,
  decoderDimensions,
  type LayerEfficiency,
  type LayerPass,
  layerSeconds,
  layerWork,
  type Projection,
  projectionShape,
} from "../../plan/index.ts";
import type { Interconnect } from "./interconnect.ts";

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

/** What one job trains: a mini-batch of equal sequences a step. */
export interface Training {
  readonly arch: Architecture;
  readonly sequences: number;
  readonly sequenceLength: number;
  readonly microBatches: number;
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

/** A and B of each target in each layer. */
export function loraParameters(arch: Architecture, rank: number, targets: readonly Projection[]): number {
  const perLayer = targets.map((target) => projectionShape(arch, target)).map((shape) => rank * (shape.in + shape.out));
  return arch.numLayers * sum(perLayer);
}

export function forwardPasses(): readonly LayerPass[] {
  return ["F"];
}

export function backwardPasses({ full, recompute }: Training): readonly LayerPass[] {
  return [...(recompute ? (["recomputed"] as const) : []), "I", ...(full ? (["W"] as const) : [])];
}

/** Bytes that dequantizing one weight moves before a pass: its code in, a weight of the activations' type out. */
function dequantizedBytes({ weightBytes, activationBytes }: Training): number {
  return weightBytes < 2 ? weightBytes + activationBytes : 0;
}

/** Seconds of passes over one layer for this many tokens on one device, which has 1 / `split` of the layer. */
export function layerTime(
  platform: Platform,
  training: Training,
  tokens: number,
  passes: readonly LayerPass[],
  split = 1,
): number {
  const shape = { tokens, sequenceLength: training.sequenceLength, tensorParallel: split };
  const dimensions = decoderDimensions(training.arch);
  const work = layerWork(dimensions, shape, passes);
  const dequantized = (work.passes * dimensions.parameters * dequantizedBytes(training)) / split;
  const dequantizing = dequantized / platform.peaks.bytesPerSecond;
  return layerSeconds({ ...work, communicationSeconds: dequantizing }, platform.peaks, platform.efficiency, 1);
}

/** Seconds of norm, head and loss in one direction. */
export function headTime(platform: Platform, training: Training, tokens: number, letter: "F" | "B", split = 1): number {
  const entries = (tokens * training.arch.vocabularySize) / split;
  const products = 2 * entries * training.arch.hiddenSize * (letter === "B" && training.full ? 2 : 1);
  return (
    products / (platform.peaks.flopsPerSecond * platform.efficiency.computeEfficiency) +
    (entries * platform.headBytes) / 2 / platform.peaks.bytesPerSecond
  );
}
