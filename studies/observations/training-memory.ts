import { fitParameters } from "../../calibration/index.ts";
import { decoderDimensions, heldParameters } from "../../plan/index.ts";
import type { Prediction } from "../score.ts";
import type { TrainingSystem } from "./training-system.ts";

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

/** Layers whose weights are gathered at once, where they are spread: the one in use, and the next. */
const GATHERED_LAYERS = 2;

/** Bytes that are held from forward to backward of a micro-batch, in all layers. */
function activationBytes({ system, storedBytes }: StepMemory): number {
  const { architecture, tokens, contextParallel, tensorParallel, recomputedLayers } = system;
  const { hiddenSize, numKvHeads, headDim, numHeads, numLayers, experts } = architecture;
  const kv = numKvHeads * headDim;
  // Norms' inputs; queries, keys and values; attention's output and its row sums; inputs and dropped inputs of adapters;
  // gate and up, of experts with their rows before and behind.
  const mlp =
    experts === undefined
      ? 2 * architecture.intermediateSize * storedBytes
      : experts.perToken * (2 * experts.intermediateSize * storedBytes + 2 * BFLOAT16 * hiddenSize);
  const layer =
    4 * hiddenSize +
    BFLOAT16 * (hiddenSize + 2 * kv) +
    BFLOAT16 * hiddenSize +
    4 * numHeads +
    4 * hiddenSize +
    2 * hiddenSize +
    mlp;
  const recomputed = BFLOAT16 * hiddenSize;
  const all = (numLayers - recomputedLayers) * layer + recomputedLayers * recomputed;
  return (all * tokens) / contextParallel / tensorParallel;
}

/** Bytes of the base model's weights on an accelerator, of layers and of some tables of the vocabulary. */
function weightsBytes({ system, weightBytes }: StepMemory, tables: number): number {
  const { architecture, accelerators, tensorParallel, pipelineParallel, isSharded } = system;
  const { numLayers, hiddenSize, vocabularySize } = architecture;
  const layer = heldParameters(decoderDimensions(architecture)) * weightBytes + BFLOAT16 * 2 * hiddenSize;
  const table = BFLOAT16 * vocabularySize * hiddenSize;
  const own = ((numLayers / pipelineParallel) * layer + tables * table) / tensorParallel;
  if (!isSharded) return own;
  const gathered = (GATHERED_LAYERS * layer + table) / tensorParallel;
  return own / (accelerators / tensorParallel / pipelineParallel) + gathered;
}

/** Micro-batches in flight on the first stage; interleaved stages begin more of them. */
function inFlight({ pipelineParallel, accumulation, virtualStages = 1 }: TrainingSystem): number {
  const most = pipelineParallel + (virtualStages === 1 ? 0 : (pipelineParallel - 1) / virtualStages);
  return Math.min(most, accumulation);
}

/** Of one accelerator, the fullest; `factor`: of activations. */
export function peakBytes(peak: StepMemory, factor: number): number {
  const { system, isStateSharded } = peak;
  const { architecture, tensorParallel, contextParallel, pipelineParallel, trainedParameters, accelerators } = system;
  const split = tensorParallel * pipelineParallel;
  const trained = (PARAMETER_BYTES * trainedParameters) / split;
  const state = (STATE_BYTES * trainedParameters) / (isStateSharded ? accelerators : split);
  const logits = (LOGIT_BYTES * (system.tokens / contextParallel) * architecture.vocabularySize) / tensorParallel;
  const activations = (factor * activationBytes(peak)) / pipelineParallel;
  // The first stage has the embedding and the most micro-batches in flight (1F1B), the last one the head.
  const stages =
    pipelineParallel === 1
      ? [weightsBytes(peak, 2) + activations + logits]
      : [weightsBytes(peak, 1) + activations * inFlight(system), weightsBytes(peak, 1) + activations + logits];
  return trained + state + Math.max(...stages);
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
