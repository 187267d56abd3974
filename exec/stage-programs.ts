import type { Operator, Tensor } from "../native/index.ts";
import { layerBackward, layerForward } from "./layer-programs.ts";
import { gradientOutputs, type ProgramInput, type StreamGradient } from "./program-input.ts";

const IN: Tensor = { space: "in", offset: 0 };
const OUT: Tensor = { space: "out", offset: 0 };

/** A stage's forward: embedding or received activations, layers, and on the last stage norm, head, loss and the loss's gradient. */
export function forwardProgram(input: ProgramInput): readonly Operator[] {
  const { architecture, dtype, layout, weights } = input;
  const { hiddenSize: hidden, rmsNormEps: eps, vocabularySize: vocabulary } = architecture;
  const types = dtype === "float32" ? {} : { dtype };
  const first = layout.layers[0]!.x;
  const entry: Operator =
    weights.embedding === undefined
      ? { op: "copy", x: IN, ...(dtype === "float32" ? {} : { from: dtype }), y: first, columns: hidden }
      : { op: "embed", ...types, table: weights.embedding, out: first, hidden };
  const end = layout.final?.x ?? layout.forward.output ?? OUT;
  const layers = layout.layers.flatMap((_, index) => layerForward(input, index, layout.layers[index + 1]?.x ?? end));
  const operators = [entry, ...layers];
  if (layout.final !== undefined) {
    const { normed, logits } = layout.forward;
    const { rstd, gradient: dx } = layout.final;
    operators.push(
      { op: "rmsnorm", ...types, x: end, weight: weights.finalNorm!, y: normed, rstd, hidden, eps },
      {
        op: "headLoss",
        ...types,
        x: normed,
        weight: weights.head!,
        hidden,
        vocabulary,
        dx,
        logits,
        tileRows: layout.headTileRows,
      },
    );
  } else if (end !== OUT) {
    operators.push({ op: "copy", x: end, y: OUT, to: dtype, columns: hidden });
  }
  return operators;
}

/** A stage's backward, from the loss's or the received gradient to the gradient that the stage before needs. */
export function backwardProgram(input: ProgramInput): readonly Operator[] {
  const { architecture, dtype, layout, weights, stage } = input;
  const hidden = architecture.hiddenSize;
  const { gradientA, gradientB, gradientCompute } = layout.backward;
  const a: StreamGradient = { stream: gradientA, compute: gradientCompute ?? gradientA };
  const b: StreamGradient = { stream: gradientB, compute: gradientCompute ?? gradientB };
  const operators: Operator[] = [];
  let gradient = a;
  if (layout.final !== undefined) {
    const { gradient: dy, x, rstd } = layout.final;
    operators.push({ op: "rmsnormBackward", dy, x, rstd, weight: weights.finalNorm!, ...gradientOutputs(a), hidden });
  } else if (dtype === "float32") {
    gradient = { stream: IN, compute: IN };
  } else {
    operators.push({ op: "copy", x: IN, from: dtype, y: gradientA, columns: hidden });
    gradient = { stream: gradientA, compute: IN };
  }
  const last: StreamGradient = { stream: gradientCompute === undefined ? OUT : gradientA, compute: OUT };
  for (let index = layout.layers.length - 1; index >= 0; index -= 1) {
    const result = index > 0 ? a : stage.embedding ? undefined : last;
    operators.push(...layerBackward(input, index, gradient, b, result));
    gradient = a;
  }
  return operators;
}
