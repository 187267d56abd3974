import type { Operator, RmsnormBackwardOperator, Tensor } from "../native/index.ts";
import type { Architecture, ComputeDtype, Recompute, Stage } from "../plan/index.ts";
import { PROJECTIONS, type Projection, projectionShape, type StageLayout } from "../plan/index.ts";
import type { LayerWeights, StageWeights } from "./stage-weights.ts";

/** What a stage's programs are composed from. */
export interface ProgramInput {
  readonly architecture: Architecture;
  readonly stage: Stage;
  readonly dtype: ComputeDtype;
  readonly recompute: Recompute;
  readonly layout: StageLayout;
  readonly weights: StageWeights;
}

/** The types that operators name; in fp32 they name none. */
interface Types {
  readonly compute: { readonly dtype?: ComputeDtype };
  /** With the output in the residual stream, or with the gradient of a norm's output. */
  readonly wideOutput: { readonly dtype?: ComputeDtype; readonly yType?: ComputeDtype };
  readonly wideGradient: { readonly dtype?: ComputeDtype; readonly dxType?: ComputeDtype };
}

const TYPES: Readonly<Record<ComputeDtype, Types>> = {
  float32: { compute: {}, wideOutput: {}, wideGradient: {} },
  bfloat16: {
    compute: { dtype: "bfloat16" },
    wideOutput: { dtype: "bfloat16", yType: "float32" },
    wideGradient: { dtype: "bfloat16", dxType: "float32" },
  },
};

/** A gradient of the residual stream: in fp32, and as products take it. In fp32 the two are one tensor. */
export interface StreamGradient {
  readonly stream: Tensor;
  readonly compute: Tensor;
}

/** A backward of a norm writes both forms of a gradient. */
export function gradientOutputs({
  stream,
  compute,
}: StreamGradient): Pick<RmsnormBackwardOperator, "dtype" | "dx" | "dxCompute"> {
  return compute === stream ? { dx: stream } : { dtype: "bfloat16", dx: stream, dxCompute: compute };
}

/** The number that an adapter's entry and a LoRA operator meet at. */
export function targetIndex(layer: number, projection: Projection): number {
  return layer * PROJECTIONS.length + PROJECTIONS.indexOf(projection);
}

interface Widths {
  readonly hidden: number;
  readonly inner: number;
  readonly query: number;
  readonly qkv: number;
  readonly heads: {
    readonly qColumn: number;
    readonly kColumn: number;
    readonly vColumn: number;
    readonly heads: number;
    readonly kvHeads: number;
    readonly headDim: number;
  };
}

function widthsOf({ hiddenSize, intermediateSize, numHeads, numKvHeads, headDim }: Architecture): Widths {
  const query = numHeads * headDim;
  const kv = numKvHeads * headDim;
  return {
    hidden: hiddenSize,
    inner: intermediateSize,
    query,
    qkv: query + 2 * kv,
    heads: { qColumn: 0, kColumn: query, vColumn: query + kv, heads: numHeads, kvHeads: numKvHeads, headDim },
  };
}

/** First column of a projection's output in the tensor that holds it. */
function outputColumn(projection: Projection, { heads, inner }: Widths): number {
  switch (projection) {
    case "k_proj":
      return heads.kColumn;
    case "v_proj":
      return heads.vColumn;
    case "up_proj":
      return inner;
    case "q_proj":
    case "o_proj":
    case "gate_proj":
    case "down_proj":
      return 0;
  }
}

/** The LoRA part of projections that share their input and their output tensor, added in place. */
function loraForward(
  input: ProgramInput,
  index: number,
  projections: readonly Projection[],
  x: Tensor,
  y: Tensor,
  ldy: number,
  types: Types["compute"] | Types["wideOutput"],
): readonly Operator[] {
  const { architecture, layout, stage } = input;
  const widths = widthsOf(architecture);
  return projections.flatMap((projection): Operator[] => {
    const lds = layout.shrunkColumns[projection];
    if (lds === undefined) return [];
    const { in: inFeatures, out: outFeatures } = projectionShape(architecture, projection);
    const s = layout.layers[index]!.shrunk[projection]!;
    return [
      {
        op: "lora",
        ...types,
        x,
        ldx: inFeatures,
        inFeatures,
        y,
        ldy,
        yColumn: outputColumn(projection, widths),
        outFeatures,
        s,
        lds,
        target: targetIndex(stage.firstLayer + index, projection),
      },
    ];
  });
}

function loraBackward(
  input: ProgramInput,
  index: number,
  projections: readonly Projection[],
  x: Tensor,
  dy: Tensor,
  lddy: number,
  dx: Tensor | undefined,
  types: Types["compute"] | Types["wideGradient"],
): readonly Operator[] {
  const { architecture, layout, stage } = input;
  const widths = widthsOf(architecture);
  const scratch = layout.backward.loraScratch;
  return projections.flatMap((projection): Operator[] => {
    const lds = layout.shrunkColumns[projection];
    if (lds === undefined) return [];
    const { in: inFeatures, out: outFeatures } = projectionShape(architecture, projection);
    const s = layout.layers[index]!.shrunk[projection]!;
    const gradient = dx === undefined ? {} : { dx, lddx: inFeatures };
    const target = targetIndex(stage.firstLayer + index, projection);
    return [
      {
        op: "loraBackward",
        ...types,
        dy,
        lddy,
        dyColumn: outputColumn(projection, widths),
        outFeatures,
        x,
        ldx: inFeatures,
        inFeatures,
        s,
        lds,
        ...gradient,
        target,
        scratch,
      },
    ];
  });
}

const ATTENTION_INPUTS: readonly Projection[] = ["q_proj", "k_proj", "v_proj"];
const MLP_INPUTS: readonly Projection[] = ["gate_proj", "up_proj"];

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
    if (input.recompute === "none")
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
    if (input.recompute === "none")
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
 * With recomputation the layer's tensors are made first, normed inputs too.
 */
export function layerBackward(
  input: ProgramInput,
  index: number,
  gradient: StreamGradient,
  spare: StreamGradient,
  result: StreamGradient | undefined,
): readonly Operator[] {
  const recomputed = input.recompute === "layer" ? layerBody(input, index, input.layout.backward) : [];
  return [
    ...recomputed,
    ...mlpBackward(input, index, gradient, spare),
    ...attentionBackward(input, index, spare, result),
  ];
}
