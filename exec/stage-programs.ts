import type { Operator, Tensor } from "../native/index.ts";
import { layerBackward, layerForward, type ProgramInput } from "./layer-programs.ts";

const IN: Tensor = { space: "in", offset: 0 };
const OUT: Tensor = { space: "out", offset: 0 };

/** A stage's forward: embedding or received activations, layers, and on the last stage norm, head, loss and the loss's gradient. */
export function forwardProgram(input: ProgramInput): readonly Operator[] {
  const { architecture, layout, weights } = input;
  const { hiddenSize: hidden, rmsNormEps: eps, vocabularySize: vocabulary } = architecture;
  const first = layout.layers[0]!.x;
  const entry: Operator =
    weights.embedding === undefined
      ? { op: "copy", x: IN, y: first, columns: hidden }
      : { op: "embed", table: weights.embedding, out: first, hidden };
  const end = layout.final === undefined ? OUT : layout.final.x;
  const layers = layout.layers.flatMap((_, index) => {
    const following = layout.layers[index + 1];
    return layerForward(input, index, following === undefined ? end : following.x);
  });
  if (layout.final === undefined) return [entry, ...layers];
  const normed = layout.forward.normed;
  return [
    entry,
    ...layers,
    { op: "rmsnorm", x: end, weight: weights.finalNorm!, y: normed, rstd: layout.final.rstd, hidden, eps },
    {
      op: "headLoss",
      x: normed,
      weight: weights.head!,
      hidden,
      vocabulary,
      dx: layout.final.gradient,
      logits: layout.forward.logits,
      tileRows: layout.headTileRows,
    },
  ];
}

/** A stage's backward, from the loss's or the received gradient to the gradient that the stage before needs. */
export function backwardProgram(input: ProgramInput): readonly Operator[] {
  const { architecture, layout, weights, stage } = input;
  const { gradientA: a, gradientB: b } = layout.backward;
  const operators: Operator[] = [];
  let gradient: Tensor = IN;
  if (layout.final !== undefined) {
    const { final } = layout;
    operators.push({
      op: "rmsnormBackward",
      dy: final.gradient,
      x: final.x,
      rstd: final.rstd,
      weight: weights.finalNorm!,
      dx: a,
      hidden: architecture.hiddenSize,
    });
    gradient = a;
  }
  for (let index = layout.layers.length - 1; index >= 0; index -= 1) {
    const result = index > 0 ? a : stage.embedding ? undefined : OUT;
    operators.push(...layerBackward(input, index, gradient, b, result));
    gradient = a;
  }
  return operators;
}
