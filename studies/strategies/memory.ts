import { type Architecture, decoderDimensions } from "../../plan/index.ts";
import type { Platform, Training } from "./setting.ts";

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
 * Bytes that one token leaves in one layer for the backward of an eager program: the features that a pass writes and the
 * scores before and after their softmax. A recomputed layer leaves its input.
 */
export function activationBytesPerToken({ arch, sequenceLength, activationBytes, recompute }: Training): number {
  const { activationFeatures, heads } = decoderDimensions(arch);
  if (recompute) return arch.hiddenSize * activationBytes;
  return activationBytes * (activationFeatures + 2 * heads * sequenceLength);
}

/** What the optimizer holds: gradient and two moments in fp32 beside each trained weight, and the trained weights of adapters. */
export function stateBytes({ full, adapterParameters }: Training, trainedParameters: number, adapters: number): number {
  return full ? 12 * trainedParameters : 16 * adapterParameters * adapters;
}

export function totalBytes(platform: Platform, { weights, state, activations, load }: MemoryNeed): number {
  const running = weights + state + platform.allocatorFactor * activations;
  return platform.contextBytes + Math.max(running, load);
}

/** Logits and their gradient in fp32 on the device with the head. */
export function headBytes({ arch }: Training, tokens: number): number {
  return 2 * 4 * tokens * arch.vocabularySize;
}
