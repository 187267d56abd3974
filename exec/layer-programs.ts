import type { Operator, Tensor } from "../native/index.ts";
import { attentionBody, attentionOutput } from "./attention-program.ts";
import { mlpBody, mlpOutput } from "./mlp-program.ts";
import type { ProgramInput } from "./program-input.ts";

/** Forward of a layer, or of the half of it that the stage has, into `next`. */
export function layerForward(input: ProgramInput, index: number, next: Tensor): readonly Operator[] {
  const { normed, turned, attentionScratch: scratch, branch } = input.layout.forward;
  const { mlp } = input.layout.layers[index]!;
  return [
    ...attentionBody(input, index, { normed, turned, scratch }),
    ...attentionOutput(input, index, mlp?.x ?? next, branch),
    ...mlpBody(input, index, normed, input.layout.forward),
    ...mlpOutput(input, index, next),
  ];
}

/** What a backward makes again of a layer of which only the input was kept. */
function layerAgain(input: ProgramInput, index: number): readonly Operator[] {
  const { mlp } = input.layout.layers[index]!;
  const { normed, turned, attentionScratch: scratch, branchGradient } = input.layout.backward;
  return [
    ...attentionBody(input, index, { normed: normed.attention, turned, scratch }),
    ...(mlp === undefined ? [] : attentionOutput(input, index, mlp.x, branchGradient)),
    ...mlpBody(input, index, normed.mlp, input.layout.backward),
  ];
}

/** Whether a backward makes a layer again. */
export function isRecomputed({ stage }: ProgramInput, index: number): boolean {
  return index < stage.recomputedLayers;
}

/** What comes before a layer's backward: nothing, or the tensors that the forward did not keep, normed inputs too. */
export function layerBeforeBackward(input: ProgramInput, index: number): readonly Operator[] {
  return isRecomputed(input, index) ? layerAgain(input, index) : [];
}
