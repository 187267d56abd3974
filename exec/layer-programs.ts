import type { Operator, Tensor } from "../native/index.ts";
import { loraGroup, type Projection } from "../plan/index.ts";
import { loraBackward, loraForward } from "./lora-operators.ts";
import { gradientOutputs, type ProgramInput, type StreamGradient, TYPES, widthsOf } from "./program-input.ts";
import type { LayerWeights } from "./stage-weights.ts";

const ATTENTION_INPUTS = loraGroup("q_proj");
const MLP_INPUTS = loraGroup("gate_proj");

/** The parts of the workspace that a layer's forward uses up to gate and up. */
interface BodyArea {
  readonly normed: { readonly attention: Tensor; readonly mlp: Tensor };
  readonly attentionScratch: Tensor;
}

/** A layer's forward from its input to gate and up. */
function layerBody(input: ProgramInput, index: number, area: BodyArea): readonly Operator[] {
  const { architecture, layout } = input;
  const weights = input.weights.layers[index]!;
  const { x, rstd1, qkv: qkvOut, attention, lse, mid, rstd2, gateUp } = layout.layers[index]!;
  const { hidden, inner, query, qkv, heads } = widthsOf(architecture);
  const eps = architecture.rmsNormEps;
  const { normed, attentionScratch: scratch } = area;
  const { compute, wideOutput } = TYPES[input.dtype];
  const bias = weights.qkvBias === undefined ? {} : { bias: weights.qkvBias };
  return [
    { op: "rmsnorm", ...compute, x, weight: weights.inputNorm, y: normed.attention, rstd: rstd1, hidden, eps },
    { op: "matmul", ...compute, x: normed.attention, ldx: hidden, weight: weights.qkv, y: qkvOut, ldy: qkv, ...bias },
    ...loraForward(input, index, ATTENTION_INPUTS, normed.attention, qkvOut, qkv, compute),
    {
      op: "rope",
      ...compute,
      x: qkvOut,
      ld: qkv,
      column: 0,
      heads: heads.heads + heads.kvHeads,
      headDim: heads.headDim,
      frequencies: input.weights.frequencies,
      inverse: false,
    },
    { op: "attention", ...compute, qkv: qkvOut, ld: qkv, ...heads, out: attention, ldo: query, lse, scratch },
    {
      op: "matmul",
      ...wideOutput,
      x: attention,
      ldx: query,
      weight: weights.output,
      y: mid,
      ldy: hidden,
      residual: x,
      ldr: hidden,
    },
    ...loraForward(input, index, ["o_proj"], attention, mid, hidden, wideOutput),
    { op: "rmsnorm", ...compute, x: mid, weight: weights.postNorm, y: normed.mlp, rstd: rstd2, hidden, eps },
    { op: "matmul", ...compute, x: normed.mlp, ldx: hidden, weight: weights.gateUp, y: gateUp, ldy: 2 * inner },
    ...loraForward(input, index, MLP_INPUTS, normed.mlp, gateUp, 2 * inner, compute),
  ];
}

/** Forward of a layer into `next`. */
export function layerForward(input: ProgramInput, index: number, next: Tensor): readonly Operator[] {
  const { normed, inner: activated, attentionScratch } = input.layout.forward;
  const { mid, gateUp } = input.layout.layers[index]!;
  const { down } = input.weights.layers[index]!;
  const { hidden, inner } = widthsOf(input.architecture);
  const { compute, wideOutput } = TYPES[input.dtype];
  return [
    ...layerBody(input, index, { normed: { attention: normed, mlp: normed }, attentionScratch }),
    { op: "swiglu", ...compute, gateUp, ld: 2 * inner, out: activated, ldo: inner, intermediate: inner },
    {
      op: "matmul",
      ...wideOutput,
      x: activated,
      ldx: inner,
      weight: down,
      y: next,
      ldy: hidden,
      residual: mid,
      ldr: hidden,
    },
    ...loraForward(input, index, ["down_proj"], activated, next, hidden, wideOutput),
  ];
}

function isRecomputed({ stage }: ProgramInput, index: number): boolean {
  return index < stage.recomputedLayers;
}

function targetsAny({ layout }: ProgramInput, projections: readonly Projection[]): boolean {
  return projections.some((projection) => layout.shrunkColumns[projection] !== undefined);
}

/** From the gradient of the layer's output to that of the residual stream before the MLP. */
function mlpBackward(
  input: ProgramInput,
  index: number,
  gradient: StreamGradient,
  result: StreamGradient,
): readonly Operator[] {
  const { architecture, layout } = input;
  const weights: LayerWeights = input.weights.layers[index]!;
  const { mid, rstd2: rstd, gateUp } = layout.layers[index]!;
  const { hidden, inner } = widthsOf(architecture);
  const {
    inner: activated,
    innerGradient: dActivated,
    gateUpGradient: dGateUp,
    normedGradient: dNormed,
  } = layout.backward;
  const normed = layout.backward.normed.mlp;
  const weight = weights.postNorm;
  const { compute, wideGradient } = TYPES[input.dtype];
  const operators: Operator[] = [
    {
      op: "matmulBackward",
      ...compute,
      dy: gradient.compute,
      lddy: hidden,
      weight: weights.down,
      dx: dActivated,
      lddx: inner,
    },
  ];
  if (targetsAny(input, ["down_proj"])) {
    operators.push({
      op: "swiglu",
      ...compute,
      gateUp,
      ld: 2 * inner,
      out: activated,
      ldo: inner,
      intermediate: inner,
    });
    operators.push(
      ...loraBackward(input, index, ["down_proj"], activated, gradient.compute, hidden, dActivated, compute),
    );
  }
  operators.push(
    {
      op: "swigluBackward",
      ...compute,
      gateUp,
      ld: 2 * inner,
      dout: dActivated,
      lddo: inner,
      dgateUp: dGateUp,
      ldd: 2 * inner,
      intermediate: inner,
    },
    {
      op: "matmulBackward",
      ...wideGradient,
      dy: dGateUp,
      lddy: 2 * inner,
      weight: weights.gateUp,
      dx: dNormed,
      lddx: hidden,
    },
  );
  if (targetsAny(input, MLP_INPUTS)) {
    if (!isRecomputed(input, index))
      operators.push({
        op: "rmsnorm",
        ...compute,
        x: mid,
        weight,
        y: normed,
        rstd,
        hidden,
        eps: architecture.rmsNormEps,
      });
    operators.push(...loraBackward(input, index, MLP_INPUTS, normed, dGateUp, 2 * inner, dNormed, wideGradient));
  }
  operators.push({
    op: "rmsnormBackward",
    dy: dNormed,
    x: mid,
    rstd,
    weight,
    ...gradientOutputs(result),
    residual: gradient.stream,
    hidden,
  });
  return operators;
}

/** On to the gradient of the layer's input, when there is a `result`. */
function attentionBackward(
  input: ProgramInput,
  index: number,
  gradient: StreamGradient,
  result: StreamGradient | undefined,
): readonly Operator[] {
  const { architecture, layout } = input;
  const weights: LayerWeights = input.weights.layers[index]!;
  const { x, rstd1: rstd, qkv: qkvOut, attention, lse } = layout.layers[index]!;
  const { hidden, query, qkv, heads } = widthsOf(architecture);
  const { normedGradient: dNormed, qkvGradient: dQkv, attentionGradient: dAttention } = layout.backward;
  const normed = layout.backward.normed.attention;
  const weight = weights.inputNorm;
  const { compute, wideGradient } = TYPES[input.dtype];
  const operators: Operator[] = [
    {
      op: "matmulBackward",
      ...compute,
      dy: gradient.compute,
      lddy: hidden,
      weight: weights.output,
      dx: dAttention,
      lddx: query,
    },
    ...loraBackward(input, index, ["o_proj"], attention, gradient.compute, hidden, dAttention, compute),
    {
      op: "attentionBackward",
      ...compute,
      qkv: qkvOut,
      ld: qkv,
      ...heads,
      out: attention,
      ldo: query,
      dout: dAttention,
      lddo: query,
      lse,
      dqkv: dQkv,
      ldd: qkv,
      scratch: layout.backward.attentionScratch,
    },
    {
      op: "rope",
      ...compute,
      x: dQkv,
      ld: qkv,
      column: 0,
      heads: heads.heads + heads.kvHeads,
      headDim: heads.headDim,
      frequencies: input.weights.frequencies,
      inverse: true,
    },
  ];
  if (result !== undefined)
    operators.push({
      op: "matmulBackward",
      ...wideGradient,
      dy: dQkv,
      lddy: qkv,
      weight: weights.qkv,
      dx: dNormed,
      lddx: hidden,
    });
  if (targetsAny(input, ATTENTION_INPUTS)) {
    if (!isRecomputed(input, index))
      operators.push({ op: "rmsnorm", ...compute, x, weight, y: normed, rstd, hidden, eps: architecture.rmsNormEps });
    const dx = result === undefined ? undefined : dNormed;
    operators.push(...loraBackward(input, index, ATTENTION_INPUTS, normed, dQkv, qkv, dx, wideGradient));
  }
  if (result !== undefined)
    operators.push({
      op: "rmsnormBackward",
      dy: dNormed,
      x,
      rstd,
      weight,
      ...gradientOutputs(result),
      residual: gradient.stream,
      hidden,
    });
  return operators;
}

/**
 * Backward of a layer from `gradient` (of its output) to `result` (of its input); without `result` only the adapters' gradients.
 * A recomputed layer's tensors are made first, normed inputs too.
 */
export function layerBackward(
  input: ProgramInput,
  index: number,
  gradient: StreamGradient,
  spare: StreamGradient,
  result: StreamGradient | undefined,
): readonly Operator[] {
  const recomputed = isRecomputed(input, index) ? layerBody(input, index, input.layout.backward) : [];
  return [
    ...recomputed,
    ...mlpBackward(input, index, gradient, spare),
    ...attentionBackward(input, index, spare, result),
  ];
}
