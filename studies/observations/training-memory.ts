import { fitParameters } from "../../calibration/index.ts";
import { decoderDimensions } from "../../plan/index.ts";
import type { Prediction } from "../score.ts";
import type { TrainingSystem } from "./training-step.ts";

/** What a training step takes of the memory of one accelerator follows from. */
export interface StepMemory {
  readonly system: TrainingSystem;
  /** Of a parameter of the base model's layers. */
  readonly weightBytes: number;
  /** Of a value that is kept of the MLP's inputs to its activation. */
  readonly storedBytes: number;
  /** The optimizer's state is spread over all accelerators (ZeRO-1). */
  readonly isStateSharded: boolean;
}

/** The most memory that a training step was seen to take of one accelerator. */
export interface PeakMemory extends StepMemory {
  readonly name: string;
  /** Rows of one configuration say the same. */
  readonly configuration: string;
  readonly bytes: number;
}

const BFLOAT16 = 2;
/** Of a trained parameter: itself and its gradient; a copy and two moments in fp32. */
const PARAMETER_BYTES = 2 + 4;
const STATE_BYTES = 12;
/** Logits, their copy in fp32, and their gradient. */
const LOGIT_BYTES = 6;

/** Bytes that are held from forward to backward of a micro-batch. */
function activationBytes({ system, storedBytes }: StepMemory): number {
  const { architecture, tokens, contextParallel, tensorParallel, recomputedLayers } = system;
  const { hiddenSize, intermediateSize, numKvHeads, headDim, numHeads, numLayers } = architecture;
  const kv = numKvHeads * headDim;
  // Norms' inputs; queries, keys and values; attention's output and its row sums; inputs and dropped inputs of adapters;
  // gate and up.
  const layer =
    4 * hiddenSize +
    BFLOAT16 * (hiddenSize + 2 * kv) +
    BFLOAT16 * hiddenSize +
    4 * numHeads +
    4 * hiddenSize +
    2 * hiddenSize +
    2 * intermediateSize * storedBytes;
  const recomputed = BFLOAT16 * hiddenSize;
  const all = (numLayers - recomputedLayers) * layer + recomputedLayers * recomputed;
  return (all * tokens) / contextParallel / tensorParallel;
}

/** Of one accelerator; `factor`: of activations. */
export function peakBytes(peak: StepMemory, factor: number): number {
  const { system, weightBytes, isStateSharded } = peak;
  const { architecture, tensorParallel, contextParallel, trainedParameters, accelerators, tokens } = system;
  const { numLayers, hiddenSize, vocabularySize } = architecture;
  const weights = numLayers * decoderDimensions(architecture).parameters * weightBytes;
  const others = BFLOAT16 * (2 * vocabularySize * hiddenSize + 2 * numLayers * hiddenSize);
  const trained = (PARAMETER_BYTES * trainedParameters) / tensorParallel;
  const state = (STATE_BYTES * trainedParameters) / (isStateSharded ? accelerators : tensorParallel);
  const logits = (LOGIT_BYTES * (tokens / contextParallel) * vocabularySize) / tensorParallel;
  return (weights + others) / tensorParallel + trained + state + factor * activationBytes(peak) + logits;
}

export function peakMemoryPrediction(peak: PeakMemory, factor: number): Prediction {
  return { name: peak.name, predicted: peakBytes(peak, factor), measured: peak.bytes };
}

/** The factor of activations that measured peaks want. */
export function fitPeakFactor(peaks: readonly PeakMemory[]): number {
  return fitParameters({
    start: { factor: 1 },
    residuals: ({ factor }) => peaks.map((peak) => Math.log(peakBytes(peak, factor) / peak.bytes)),
  }).factor;
}
