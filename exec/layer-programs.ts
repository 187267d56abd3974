import type { Operator, Tensor } from "../native/index.ts";
import { loraGroup, type Projection } from "../plan/index.ts";
import { loraBackward, loraForward } from "./lora-operators.ts";
import { gradientOutputs, type ProgramInput, type StreamGradient, TYPES, widthsOf } from "./program-input.ts";

const ATTENTION_INPUTS = loraGroup("q_proj");
const MLP_INPUTS = loraGroup("gate_proj");

/** The parts of the workspace that a layer's forward uses up to gate and up. */
interface BodyArea {
  readonly normed: { readonly attention: Tensor; readonly mlp: Tensor };
  readonly attentionScratch: Tensor;
}

/** Attention from the residual stream to its heads' outputs. */
function attentionBody(input: ProgramInput, index: number, area: BodyArea): readonly Operator[] {
  const { architecture, layout } = input;
  const { attention } = layout.layers[index]!;
  const weights = input.weights.layers[index]!.attention;
  if (attention === undefined || weights === undefined) return [];
  const { x, rstd, qkv: qkvOut, out, lse } = attention;
  const { hidden, query, qkv, heads } = widthsOf(architecture);
  const eps = architecture.rmsNormEps;
  const normed = area.normed.attention;
  const { compute } = TYPES[input.dtype];
  const bias = weights.qkvBias === undefined ? {} : { bias: weights.qkvBias };
  return [
    { op: "rmsnorm", ...compute, x, weight: weights.norm, y: normed, rstd, hidden, eps },
    { op: "matmul", ...compute, x: normed, ldx: hidden, weight: weights.qkv, y: qkvOut, ldy: qkv, ...bias },
    ...loraForward(input, index, ATTENTION_INPUTS, normed, qkvOut, qkv, compute),
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
    {
      op: "attention",
      ...compute,
      qkv: qkvOut,
      ld: qkv,
      ...heads,
      out,
      ldo: query,
      lse,
      scratch: area.attentionScratch,
    },
  ];
}

/** Attention's output product into `next`, the residual stream added. */
function attentionOutput(input: ProgramInput, index: number, next: Tensor): readonly Operator[] {
  const { attention } = input.layout.layers[index]!;
  const weights = input.weights.layers[index]!.attention;
  if (attention === undefined || weights === undefined) return [];
  const { hidden, query } = widthsOf(input.architecture);
  const { wideOutput } = TYPES[input.dtype];
  const rows = { x: attention.out, ldx: query, y: next, ldy: hidden, residual: attention.x, ldr: hidden };
  return [
    { op: "matmul", ...wideOutput, ...rows, weight: weights.output },
    ...loraForward(input, index, ["o_proj"], attention.out, next, hidden, wideOutput),
  ];
}

/** The MLP from the residual stream to gate and up. */
function mlpBody(input: ProgramInput, index: number, area: BodyArea): readonly Operator[] {
  const { architecture, layout } = input;
  const { mlp } = layout.layers[index]!;
  const weights = input.weights.layers[index]!.mlp;
  if (mlp === undefined || weights === undefined) return [];
  const { x, rstd, gateUp } = mlp;
  const { hidden, inner } = widthsOf(architecture);
  const eps = architecture.rmsNormEps;
  const normed = area.normed.mlp;
  const { compute } = TYPES[input.dtype];
  return [
    { op: "rmsnorm", ...compute, x, weight: weights.norm, y: normed, rstd, hidden, eps },
    { op: "matmul", ...compute, x: normed, ldx: hidden, weight: weights.gateUp, y: gateUp, ldy: 2 * inner },
    ...loraForward(input, index, MLP_INPUTS, normed, gateUp, 2 * inner, compute),
  ];
}

/** Gate times up, and the product of that into `next`, the residual stream added. */
function mlpOutput(input: ProgramInput, index: number, next: Tensor): readonly Operator[] {
  const { mlp } = input.layout.layers[index]!;
  const weights = input.weights.layers[index]!.mlp;
  if (mlp === undefined || weights === undefined) return [];
  const { inner: activated } = input.layout.forward;
  const { hidden, inner } = widthsOf(input.architecture);
  const { compute, wideOutput } = TYPES[input.dtype];
  const rows = { x: activated, ldx: inner, y: next, ldy: hidden, residual: mlp.x, ldr: hidden };
  return [
    { op: "swiglu", ...compute, gateUp: mlp.gateUp, ld: 2 * inner, out: activated, ldo: inner, intermediate: inner },
    { op: "matmul", ...wideOutput, ...rows, weight: weights.down },
    ...loraForward(input, index, ["down_proj"], activated, next, hidden, wideOutput),
  ];
}

/** Forward of a layer, or of the half of it that the stage has, into `next`. */
export function layerForward(input: ProgramInput, index: number, next: Tensor): readonly Operator[] {
  const { normed, attentionScratch } = input.layout.forward;
  const area = { normed: { attention: normed, mlp: normed }, attentionScratch };
  const { mlp } = input.layout.layers[index]!;
  return [
    ...attentionBody(input, index, area),
    ...attentionOutput(input, index, mlp?.x ?? next),
    ...mlpBody(input, index, area),
    ...mlpOutput(input, index, next),
  ];
}

/** What a backward makes again of a layer of which only the input was kept. */
function layerAgain(input: ProgramInput, index: number): readonly Operator[] {
  const { mlp } = input.layout.layers[index]!;
  const area = input.layout.backward;
  return [
    ...attentionBody(input, index, area),
    ...(mlp === undefined ? [] : attentionOutput(input, index, mlp.x)),
    ...mlpBody(input, index, area),
  ];
}

function isRecomputed({ stage }: ProgramInput, index: number): boolean {
  return index < stage.recomputedLayers;
}

function targetsAny({ layout }: ProgramInput, projections: readonly Projection[]): boolean {
  return projections.some((projection) => layout.shrunkColumns[projection] !== undefined);
}

/** From the gradient of the layer's output to that of the residual stream before the MLP. */
export function mlpBackward(
  input: ProgramInput,
  index: number,
  gradient: StreamGradient,
  result: StreamGradient,
): readonly Operator[] {
  const { architecture, layout } = input;
  const { mlp } = layout.layers[index]!;
  const weights = input.weights.layers[index]!.mlp;
  if (mlp === undefined || weights === undefined) return [];
  const { x, rstd, gateUp } = mlp;
  const { hidden, inner } = widthsOf(architecture);
  const {
    inner: activated,
    innerGradient: dActivated,
    gateUpGradient: dGateUp,
    normedGradient: dNormed,
  } = layout.backward;
  const normed = layout.backward.normed.mlp;
  const weight = weights.norm;
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
        x,
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
    x,
    rstd,
    weight,
    ...gradientOutputs(result),
    residual: gradient.stream,
    hidden,
  });
  return operators;
}

/** On to the gradient of the layer's input, when there is a `result`; without it only the adapters' gradients. */
export function attentionBackward(
  input: ProgramInput,
  index: number,
  gradient: StreamGradient,
  result: StreamGradient | undefined,
): readonly Operator[] {
  const { architecture, layout } = input;
  const { attention } = layout.layers[index]!;
  const weights = input.weights.layers[index]!.attention;
  if (attention === undefined || weights === undefined) return [];
  const { x, rstd, qkv: qkvOut, out, lse } = attention;
  const { hidden, query, qkv, heads } = widthsOf(architecture);
  const { normedGradient: dNormed, qkvGradient: dQkv, attentionGradient: dAttention } = layout.backward;
  const normed = layout.backward.normed.attention;
  const weight = weights.norm;
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
    ...loraBackward(input, index, ["o_proj"], out, gradient.compute, hidden, dAttention, compute),
    {
      op: "attentionBackward",
      ...compute,
      qkv: qkvOut,
      ld: qkv,
      ...heads,
      out,
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

/** What comes before a layer's backward: nothing, or the tensors that the forward did not keep, normed inputs too. */
export function layerBeforeBackward(input: ProgramInput, index: number): readonly Operator[] {
  return isRecomputed(input, index) ? layerAgain(input, index) : [];
}
