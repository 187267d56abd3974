import { sum } from "../../core/index.ts";
import { type Architecture, decoderDimensions } from "../../plan/index.ts";
import type { Platform, TrainedModel } from "./setting.ts";
import type { RowLengths } from "./step-rows.ts";

/** Bytes on one device by what they are for. */
export interface MemoryNeed {
  readonly weights: number;
  readonly state: number;
  readonly activations: number;
  /** While the model is loaded, when that is more than all the rest. */
  readonly load: number;
}

export function baseParameters(arch: Architecture): number {
  return arch.numLayers * decoderDimensions(arch).parameters + 2 * arch.vocabularySize * arch.hiddenSize;
}

/**
 * Bytes that one layer of an eager program keeps of packed rows for the backward: the features that a pass writes and the scores
 * before and after their softmax.
 */
function keptBytes({ arch, activationBytes }: TrainedModel, rows: RowLengths): number {
  const { activationFeatures, heads } = decoderDimensions(arch);
  return activationBytes * sum(rows.map((tokens) => tokens * (activationFeatures + 2 * heads * tokens)));
}

/** Bytes that a micro-batch's rows leave in one layer between forward and backward. A recomputed layer leaves its input. */
export function layerActivationBytes(model: TrainedModel, rows: RowLengths): number {
  if (model.recompute) return sum(rows) * model.arch.hiddenSize * model.activationBytes;
  return keptBytes(model, rows);
}

/** Bytes of the one layer that is computed again; 0 without recomputation. */
export function recomputedBytes(model: TrainedModel, rows: RowLengths): number {
  return model.recompute ? keptBytes(model, rows) : 0;
}

/** What the optimizer holds: gradient and two moments in fp32 beside each trained weight, and the trained weights of adapters. */
export function stateBytes(
  { full, adapterParameters }: TrainedModel,
  trainedParameters: number,
  adapters: number,
): number {
  return full ? 12 * trainedParameters : 16 * adapterParameters * adapters;
}

export function totalBytes(platform: Platform, { weights, state, activations, load }: MemoryNeed): number {
  const running = weights + state + platform.allocatorFactor * activations;
  return platform.contextBytes + Math.max(running, load);
}

/** Logits and their gradient in fp32 on the device with the head. */
export function headBytes({ arch }: TrainedModel, tokens: number): number {
  return 2 * 4 * tokens * arch.vocabularySize;
}

/** The device that needs most. */
export function fullest(platform: Platform, needs: readonly MemoryNeed[]): MemoryNeed {
  return needs.reduce((a, b) => (totalBytes(platform, b) > totalBytes(platform, a) ? b : a));
}
