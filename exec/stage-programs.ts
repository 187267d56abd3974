import type { Operator, Tensor } from "../native/index.ts";
import type { Architecture, Stage } from "../plan/index.ts";
import { PROJECTIONS, type Projection, projectionShape, type StageLayout } from "../plan/index.ts";
import type { LayerWeights, StageWeights } from "./stage-weights.ts";

/** What a stage's programs are composed from. */
export interface ProgramInput {
  readonly architecture: Architecture;
  readonly stage: Stage;
  readonly layout: StageLayout;
  readonly weights: StageWeights;
}

const stash = (offset: number): Tensor => ({ space: "stash", offset });
const work = (offset: number): Tensor => ({ space: "work", offset });
const IN: Tensor = { space: "in", offset: 0 };
const OUT: Tensor = { space: "out", offset: 0 };

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
): readonly Operator[] {
  const { architecture, layout, stage } = input;
  const widths = widthsOf(architecture);
  return projections.flatMap((projection): Operator[] => {
    const lds = layout.shrunkColumns[projection];
    if (lds === undefined) return [];
    const { in: inFeatures, out: outFeatures } = projectionShape(architecture, projection);
    const s = stash(layout.layers[index]!.shrunk[projection]!);
    return [
      {
        op: "lora",
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
): readonly Operator[] {
  const { architecture, layout, stage } = input;
  const widths = widthsOf(architecture);
  const scratch = work(layout.backward.loraScratch);
  return projections.flatMap((projection): Operator[] => {
    const lds = layout.shrunkColumns[projection];
    if (lds === undefined) return [];
    const { in: inFeatures, out: outFeatures } = projectionShape(architecture, projection);
    const s = stash(layout.layers[index]!.shrunk[projection]!);
    const gradient = dx === undefined ? {} : { dx, lddx: inFeatures };
    const target = targetIndex(stage.firstLayer + index, projection);
    return [
      {
        op: "loraBackward",
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

function layerForward(input: ProgramInput, index: number, next: Tensor): readonly Operator[] {
  const { architecture, layout } = input;
  const widths = widthsOf(architecture);
  const weights = input.weights.layers[index]!;
  const slot = layout.layers[index]!;
  const { hidden, inner, query, qkv, heads } = widths;
  const eps = architecture.rmsNormEps;
  const normed = work(layout.forward.normed);
  const activated = work(layout.forward.inner);
  const [x, qkvOut, attention, mid, gateUp] = [
    stash(slot.x),
    stash(slot.qkv),
    stash(slot.attention),
    stash(slot.mid),
    stash(slot.gateUp),
  ];
  const bias = weights.qkvBias === undefined ? {} : { bias: weights.qkvBias };
  return [
    { op: "rmsnorm", x, weight: weights.inputNorm, y: normed, rstd: stash(slot.rstd1), hidden, eps },
    { op: "matmul", x: normed, ldx: hidden, weight: weights.qkv, y: qkvOut, ldy: qkv, ...bias },
    ...loraForward(input, index, ATTENTION_INPUTS, normed, qkvOut, qkv),
    {
      op: "rope",
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
      qkv: qkvOut,
      ld: qkv,
      ...heads,
      out: attention,
      ldo: query,
      lse: stash(slot.lse),
      scratch: work(layout.forward.attentionScratch),
    },
    { op: "matmul", x: attention, ldx: query, weight: weights.output, y: mid, ldy: hidden, residual: x, ldr: hidden },
    ...loraForward(input, index, ["o_proj"], attention, mid, hidden),
    { op: "rmsnorm", x: mid, weight: weights.postNorm, y: normed, rstd: stash(slot.rstd2), hidden, eps },
    { op: "matmul", x: normed, ldx: hidden, weight: weights.gateUp, y: gateUp, ldy: 2 * inner },
    ...loraForward(input, index, MLP_INPUTS, normed, gateUp, 2 * inner),
    { op: "swiglu", gateUp, ld: 2 * inner, out: activated, ldo: inner, intermediate: inner },
    { op: "matmul", x: activated, ldx: inner, weight: weights.down, y: next, ldy: hidden, residual: mid, ldr: hidden },
    ...loraForward(input, index, ["down_proj"], activated, next, hidden),
  ];
}

/** A stage's forward: embedding or received activations, layers, and on the last stage norm, head, loss and the loss's gradient. */
export function forwardProgram(input: ProgramInput): readonly Operator[] {
  const { architecture, layout, weights } = input;
  const { hiddenSize: hidden, rmsNormEps: eps, vocabularySize: vocabulary } = architecture;
  const first = stash(layout.layers[0]!.x);
  const entry: Operator =
    weights.embedding === undefined
      ? { op: "copy", x: IN, y: first, columns: hidden }
      : { op: "embed", table: weights.embedding, out: first, hidden };
  const end = layout.final === undefined ? OUT : stash(layout.final.x);
  const layers = layout.layers.flatMap((_, index) => {
    const following = layout.layers[index + 1];
    return layerForward(input, index, following === undefined ? end : stash(following.x));
  });
  if (layout.final === undefined) return [entry, ...layers];
  const normed = work(layout.forward.normed);
  return [
    entry,
    ...layers,
    { op: "rmsnorm", x: end, weight: weights.finalNorm!, y: normed, rstd: stash(layout.final.rstd), hidden, eps },
    {
      op: "headLoss",
      x: normed,
      weight: weights.head!,
      hidden,
      vocabulary,
      dx: stash(layout.final.gradient),
      logits: work(layout.forward.logits),
      tileRows: layout.headTileRows,
    },
  ];
}

/** Backward of a layer from `gradient` (of its output) to `result` (of its input); without `result` only the adapters' gradients. */
function layerBackward(
  input: ProgramInput,
  index: number,
  gradient: Tensor,
  spare: Tensor,
  result: Tensor | undefined,
): readonly Operator[] {
  const { architecture, layout } = input;
  const weights: LayerWeights = input.weights.layers[index]!;
  const slot = layout.layers[index]!;
  const area = layout.backward;
  const { hidden, inner, query, qkv, heads } = widthsOf(architecture);
  const eps = architecture.rmsNormEps;
  const has = (projections: readonly Projection[]): boolean =>
    projections.some((projection) => layout.shrunkColumns[projection] !== undefined);
  const [x, qkvOut, attention, mid, gateUp] = [
    stash(slot.x),
    stash(slot.qkv),
    stash(slot.attention),
    stash(slot.mid),
    stash(slot.gateUp),
  ];
  const [normed, dNormed, activated, dActivated] = [
    work(area.normed),
    work(area.normedGradient),
    work(area.inner),
    work(area.innerGradient),
  ];
  const [dGateUp, dQkv, dAttention] = [work(area.gateUpGradient), work(area.qkvGradient), work(area.attentionGradient)];
  const mlp: Operator[] = [
    { op: "matmulBackward", dy: gradient, lddy: hidden, weight: weights.down, dx: dActivated, lddx: inner },
  ];
  if (has(["down_proj"])) {
    mlp.push({ op: "swiglu", gateUp, ld: 2 * inner, out: activated, ldo: inner, intermediate: inner });
    mlp.push(...loraBackward(input, index, ["down_proj"], activated, gradient, hidden, dActivated));
  }
  mlp.push(
    {
      op: "swigluBackward",
      gateUp,
      ld: 2 * inner,
      dout: dActivated,
      lddo: inner,
      dgateUp: dGateUp,
      ldd: 2 * inner,
      intermediate: inner,
    },
    { op: "matmulBackward", dy: dGateUp, lddy: 2 * inner, weight: weights.gateUp, dx: dNormed, lddx: hidden },
  );
  if (has(MLP_INPUTS)) {
    mlp.push({ op: "rmsnorm", x: mid, weight: weights.postNorm, y: normed, rstd: stash(slot.rstd2), hidden, eps });
    mlp.push(...loraBackward(input, index, MLP_INPUTS, normed, dGateUp, 2 * inner, dNormed));
  }
  mlp.push({
    op: "rmsnormBackward",
    dy: dNormed,
    x: mid,
    rstd: stash(slot.rstd2),
    weight: weights.postNorm,
    dx: spare,
    residual: gradient,
    hidden,
  });
  const rotated = heads.heads + heads.kvHeads;
  const block: Operator[] = [
    { op: "matmulBackward", dy: spare, lddy: hidden, weight: weights.output, dx: dAttention, lddx: query },
    ...loraBackward(input, index, ["o_proj"], attention, spare, hidden, dAttention),
    {
      op: "attentionBackward",
      qkv: qkvOut,
      ld: qkv,
      ...heads,
      out: attention,
      ldo: query,
      dout: dAttention,
      lddo: query,
      lse: stash(slot.lse),
      dqkv: dQkv,
      ldd: qkv,
      scratch: work(area.attentionScratch),
    },
    {
      op: "rope",
      x: dQkv,
      ld: qkv,
      column: 0,
      heads: rotated,
      headDim: heads.headDim,
      frequencies: input.weights.frequencies,
      inverse: true,
    },
  ];
  if (result !== undefined)
    block.push({ op: "matmulBackward", dy: dQkv, lddy: qkv, weight: weights.qkv, dx: dNormed, lddx: hidden });
  if (has(ATTENTION_INPUTS)) {
    block.push({ op: "rmsnorm", x, weight: weights.inputNorm, y: normed, rstd: stash(slot.rstd1), hidden, eps });
    block.push(
      ...loraBackward(input, index, ATTENTION_INPUTS, normed, dQkv, qkv, result === undefined ? undefined : dNormed),
    );
  }
  if (result !== undefined)
    block.push({
      op: "rmsnormBackward",
      dy: dNormed,
      x,
      rstd: stash(slot.rstd1),
      weight: weights.inputNorm,
      dx: result,
      residual: spare,
      hidden,
    });
  return [...mlp, ...block];
}

/** A stage's backward, from the loss's or the received gradient to the gradient that the stage before needs. */
export function backwardProgram(input: ProgramInput): readonly Operator[] {
  const { architecture, layout, weights, stage } = input;
  const [a, b] = [work(layout.backward.gradientA), work(layout.backward.gradientB)];
  const operators: Operator[] = [];
  let gradient = IN;
  if (layout.final !== undefined) {
    const { final } = layout;
    operators.push({
      op: "rmsnormBackward",
      dy: stash(final.gradient),
      x: stash(final.x),
      rstd: stash(final.rstd),
      weight: weights.finalNorm!,
      dx: a,
      hidden: architecture.hiddenSize,
    });
    gradient = a;
  }
  for (let index = layout.layers.length - 1; index >= 0; index -= 1) {
    const spare = b;
    const result = index > 0 ? a : stage.embedding ? undefined : OUT;
    operators.push(...layerBackward(input, index, gradient, spare, result));
    gradient = a;
  }
  return operators;
}
