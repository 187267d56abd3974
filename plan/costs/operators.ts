import type { PlannedLetter } from "../actions/action.ts";
import { computeDtype } from "../actions/compute-dtype.ts";
import type { EdgeDtypes } from "../actions/message-bytes.ts";
import type { Numbered } from "../actions/mini-batch.ts";
import { halfCounts, numLayersOf } from "../actions/stage-layers.ts";
import type { Architecture } from "../documents/architecture.ts";
import type { Dtype } from "../documents/dtype.ts";
import {
  type Half,
  halfOf,
  LORA_GROUPS,
  loraGroup,
  type Projection,
  projectionShape,
} from "../documents/projections.ts";
import type { MicroBatch, PlannedJob } from "../documents/segment.ts";
import type { Stage } from "../documents/setting.ts";
import { adapterParameters } from "./adapter-parameters.ts";
import { attentionBackward, headForward, turnsBackward } from "./head-operators.ts";
import {
  type Direction,
  elementwise,
  matmul,
  type OperatorCall,
  type Sizes,
  sizesOf,
  swiglu,
} from "./operator-calls.ts";

export interface StageShape {
  readonly architecture: Architecture;
  readonly stage: Stage;
  /** The jobs that micro-batches name by their index. */
  readonly jobs: Numbered<Pick<PlannedJob, "adapter">>;
  /** The projections that some adapter of the stage's pipeline may be on. */
  readonly targets: ReadonlySet<Projection>;
  readonly dtype: Dtype;
  /** As `edgeDtypes` says; the compute dtype where absent. */
  readonly edges?: EdgeDtypes;
}

/** The runs of a stage's programs: an evaluation is a forward without the gradient of the loss. */
export type RunLetter = Exclude<PlannedLetter, "U">;

const MLP_INPUTS = loraGroup("gate_proj");

/**
 * How often parts of layers occur: both halves, and of attention's what follows from its products on, which a backward
 * need not make again where the MLP is elsewhere.
 */
interface Parts extends Readonly<Record<Half, number>> {
  readonly output: number;
}

/** Parts of a stage: all of them, those that the backward computes again, and halves of the other layers. */
function partsOf({ stage }: StageShape): {
  readonly all: Parts;
  readonly recomputed: Parts;
  readonly kept: Readonly<Record<Half, number>>;
} {
  const all = halfCounts(stage);
  const again = halfCounts(stage, stage.recomputedLayers);
  const dividesLast = stage.endsAtAttention && stage.recomputedLayers === numLayersOf(stage);
  return {
    all: { ...all, output: all.attention },
    recomputed: { ...again, output: again.attention - (dividesLast ? 1 : 0) },
    kept: { attention: all.attention - again.attention, mlp: all.mlp - again.mlp },
  };
}

/**
 * The LoRA operator of a group, so often: `lora_xa` and `lora_sb`, or the four products of the backward, for all
 * segments and projections at once.
 */
function lora(
  direction: Direction,
  { architecture, jobs }: StageShape,
  { segments }: Sizes,
  projections: readonly Projection[],
  count: number,
): readonly OperatorCall[] {
  let [parts, work, inputs, outputs, weights] = [0, 0, 0, 0, 0];
  for (const segment of segments) {
    const { rank, targets } = jobs[segment.job]!.adapter;
    const shapes = projections
      .filter((projection) => targets.includes(projection))
      .map((projection) => projectionShape(architecture, projection));
    parts += shapes.length;
    if (shapes.length > 0) inputs += segment.adapterTokens * shapes[0]!.in;
    for (const { in: inFeatures, out: outFeatures } of shapes) {
      work += segment.adapterTokens * rank * (inFeatures + outFeatures);
      outputs += segment.adapterTokens * outFeatures;
      weights += rank * (inFeatures + outFeatures);
    }
  }
  if (parts === 0) return [];
  const passes = direction === "F" ? 1 : 2;
  const rows = inputs + outputs;
  const call: OperatorCall = {
    name: `lora:${direction}`,
    kind: `lora:${direction}`,
    calls: count,
    flops: 2 * passes * work,
    elements: passes * (rows + weights),
    features: { one: 1, segments: parts, work, rows, outputs, weights },
    projections,
  };
  return [call];
}

/** What an adapter adds to gate and up it leaves in the caches. */
function forwardSwiglu({ architecture, jobs }: StageShape, { segments, tokens }: Sizes, layers: number): OperatorCall {
  let warmTokens = 0;
  for (const segment of segments)
    if (MLP_INPUTS.some((projection) => jobs[segment.job]!.adapter.targets.includes(projection)))
      warmTokens += segment.adapterTokens;
  return swiglu("F", architecture, tokens, tokens - warmTokens, layers);
}

function loras(
  direction: Direction,
  shape: StageShape,
  sizes: Sizes,
  parts: Parts,
  groups = LORA_GROUPS,
): readonly OperatorCall[] {
  return groups.flatMap((group) => {
    const first = group[0]!;
    return lora(direction, shape, sizes, group, first === "o_proj" ? parts.output : parts[halfOf(first)]);
  });
}

/**
 * Messages of another type than the residual stream's are converted at a stage's edges; otherwise one that arrives is
 * only copied into the slot.
 */
function edgeCopies(shape: StageShape, direction: Direction, tokens: number): readonly OperatorCall[] {
  const { embedding, head } = shape.stage;
  const after = shape.edges?.after ?? computeDtype(shape.dtype);
  const converted = after !== "float32" && !head ? 1 : 0;
  const copies = converted + (direction === "F" && !embedding ? 1 : 0);
  return copies === 0 ? [] : [elementwise("copy", direction, tokens * shape.architecture.hiddenSize, tokens, copies)];
}

/**
 * What halves take from the residual stream: its norm, or where their norms are behind them the stream as it is. And the
 * norm before the head.
 */
function halfInputs({ architecture }: StageShape, letter: RunLetter, tokens: number, count: number, heads: number) {
  const elements = tokens * architecture.hiddenSize;
  const norms = (number: number): OperatorCall => elementwise("rmsnorm", "F", elements, tokens, number);
  return architecture.norms === "after"
    ? [elementwise("copy", letter === "B" ? "B" : "F", elements, tokens, count), norms(heads)]
    : [norms(count + heads)];
}

/** How halves join the stream, where the product at their end does not add to it: through a norm, or scaled. */
function joins({ architecture: { hiddenSize, norms, residualScale } }: StageShape, tokens: number, count: number) {
  if (norms !== undefined) return [elementwise("rmsnorm-add", "F", tokens * hiddenSize, tokens, count)];
  return residualScale === undefined ? [] : [elementwise("add", "F", tokens * hiddenSize, tokens, count)];
}

/** Back through these. */
function branchGradients({ architecture }: StageShape, tokens: number, count: number) {
  const { hiddenSize, norms, residualScale } = architecture;
  if (norms !== undefined) return [elementwise("rmsnorm", "B", tokens * hiddenSize, tokens, count)];
  return residualScale === undefined ? [] : [elementwise("copy", "B", tokens * hiddenSize, tokens, count)];
}

/** Back from what halves, and the head, take to the stream: in narrow dtypes a sum without a norm is rounded by itself. */
function streamGradients({ architecture, dtype }: StageShape, tokens: number, count: number, heads: number) {
  const elements = tokens * architecture.hiddenSize;
  const norms = (number: number): OperatorCall => elementwise("rmsnorm", "B", elements, tokens, number);
  if (architecture.norms !== "after") return [norms(count + heads)];
  const rounded = computeDtype(dtype) === "float32" ? 0 : count;
  return [
    elementwise("add", "F", elements, tokens, count),
    elementwise("copy", "B", elements, tokens, rounded),
    norms(heads),
  ];
}

/**
 * The operators of parts of layers up to gate and up: a forward has them, and a backward that computes layers again.
 */
function upToGateUp(shape: StageShape, sizes: Sizes, parts: Parts, isAgain: boolean): readonly OperatorCall[] {
  const { architecture: arch } = shape;
  const { tokens } = sizes;
  const queryColumns = arch.numHeads * arch.headDim;
  return [
    matmul("F", tokens, arch.hiddenSize, queryColumns + 2 * arch.numKvHeads * arch.headDim, parts.attention),
    matmul("F", tokens, queryColumns, arch.hiddenSize, parts.output),
    matmul("F", tokens, arch.hiddenSize, 2 * arch.intermediateSize, parts.mlp),
    ...headForward({ architecture: arch, stage: shape.stage, sizes }, isAgain),
    ...joins(shape, tokens, parts.output),
    ...loras(
      "F",
      shape,
      sizes,
      parts,
      LORA_GROUPS.filter((group) => !group.includes("down_proj")),
    ),
  ];
}

/** Norm, product and softmax of the scored rows, and back to the gradient of the head's input; or the losses alone. */
function headLoss(
  { hiddenSize: hidden, vocabularySize }: Architecture,
  { tokens, scored: all, ungraded }: Sizes,
  withGradient: boolean,
): OperatorCall {
  // A row without a gradient is one product of two.
  const scored = withGradient ? all - ungraded / 2 : all;
  const kind = withGradient ? "head" : "headLoss";
  const passes = withGradient ? 2 : 1;
  const flops = 2 * passes * scored * hidden * vocabularySize;
  return {
    name: `${kind}:${hidden}x${vocabularySize}`,
    kind,
    calls: 1,
    flops,
    elements: passes * hidden * vocabularySize + scored * vocabularySize,
    features: { one: 1, scored, tokens, flops, weights: hidden * vocabularySize },
  };
}

function forwardOperators(shape: StageShape, sizes: Sizes, withGradient: boolean): readonly OperatorCall[] {
  const { architecture: arch, stage } = shape;
  const { hiddenSize: hidden, intermediateSize: inner } = arch;
  const { tokens } = sizes;
  const { all: parts } = partsOf(shape);
  return [
    ...(stage.embedding ? [elementwise("embed", "F", tokens * hidden, tokens, 1)] : []),
    ...edgeCopies(shape, "F", tokens),
    ...upToGateUp(shape, sizes, parts, false),
    ...halfInputs(shape, "F", tokens, parts.attention + parts.mlp, stage.head ? 1 : 0),
    ...joins(shape, tokens, parts.mlp),
    forwardSwiglu(shape, sizes, parts.mlp),
    matmul("F", tokens, inner, hidden, parts.mlp),
    ...loras("F", shape, sizes, parts, [["down_proj"]]),
    ...(stage.head ? [headLoss(arch, sizes, withGradient)] : []),
  ];
}

/**
 * What a backward computes again: layers up to gate and up where only their input was kept, of the others the norms
 * that feed targeted projections; and what feeds `down_proj`.
 */
function recomputations(shape: StageShape, sizes: Sizes): readonly OperatorCall[] {
  const { architecture: arch } = shape;
  const { tokens } = sizes;
  const { recomputed, kept } = partsOf(shape);
  const { targets } = shape;
  const targeted = (...projections: readonly Projection[]): boolean =>
    projections.some((projection) => targets.has(projection));
  const norms = (targeted(...loraGroup("q_proj")) ? kept.attention : 0) + (targeted(...MLP_INPUTS) ? kept.mlp : 0);
  const normElements = tokens * arch.hiddenSize;
  return [
    ...upToGateUp(shape, sizes, recomputed, true),
    ...halfInputs(shape, "B", tokens, recomputed.attention + recomputed.mlp, 0),
    ...(arch.norms === "after"
      ? [elementwise("copy", "B", normElements, tokens, norms)]
      : [elementwise("rmsnorm-again", "B", normElements, tokens, norms)]),
    ...(targeted("down_proj")
      ? [
          forwardSwiglu(shape, sizes, recomputed.mlp),
          elementwise("swiglu-again", "B", tokens * arch.intermediateSize, tokens, kept.mlp),
        ]
      : []),
  ];
}

/** Gate and up are in the caches where something has just read or made them. */
function backwardSwiglus(shape: StageShape, { tokens }: Sizes): readonly OperatorCall[] {
  const { recomputed, kept, all } = partsOf(shape);
  const call = (coldTokens: number, count: number): OperatorCall =>
    swiglu("B", shape.architecture, tokens, coldTokens, count);
  return shape.targets.has("down_proj") ? [call(0, all.mlp)] : [call(0, recomputed.mlp), call(tokens, kept.mlp)];
}

/**
 * The first layer after the embedding has no gradient of its input: neither its qkv product nor its first norm goes
 * back.
 */
function backwardOperators(shape: StageShape, sizes: Sizes): readonly OperatorCall[] {
  const { architecture: arch, stage } = shape;
  const { hiddenSize: hidden, intermediateSize: inner, numHeads, numKvHeads, headDim } = arch;
  const { tokens } = sizes;
  const { all: parts } = partsOf(shape);
  const inputGradients = parts.attention - (stage.embedding ? 1 : 0);
  const queryColumns = numHeads * headDim;
  return [
    matmul("B", tokens, hidden, queryColumns + 2 * numKvHeads * headDim, inputGradients),
    matmul("B", tokens, queryColumns, hidden, parts.attention),
    matmul("B", tokens, hidden, 2 * inner, parts.mlp),
    matmul("B", tokens, inner, hidden, parts.mlp),
    ...turnsBackward({ architecture: arch, stage, sizes }),
    ...backwardSwiglus(shape, sizes),
    ...streamGradients(shape, tokens, inputGradients + parts.mlp, stage.head ? 1 : 0),
    ...branchGradients(shape, tokens, parts.attention + parts.mlp),
    ...attentionBackward({ architecture: arch, stage, sizes }),
    ...loras("B", shape, sizes, parts),
    ...recomputations(shape, sizes),
    ...edgeCopies(shape, "B", tokens),
  ];
}

/**
 * The operators of a run of one micro-batch on one stage, in no order; what the cost models add up. The
 * list follows the executor's stage program, operator for operator. What a backward computes again of its layers are
 * the forward's operators, so that a calibration needs no run with recomputation to know them.
 */
export function stageOperators(
  shape: StageShape,
  letter: RunLetter,
  microBatch: Pick<MicroBatch, "rows">,
): readonly OperatorCall[] {
  const sizes = sizesOf(microBatch, letter === "B");
  const operators = letter === "B" ? backwardOperators(shape, sizes) : forwardOperators(shape, sizes, letter === "F");
  return operators.filter(({ calls }) => calls > 0);
}

/** AdamW over the adapters of the given jobs on a stage. */
export function updateOperator(shape: StageShape, jobIndices: readonly number[]): OperatorCall {
  const parameters = jobIndices.reduce(
    (total, job) => total + adapterParameters(shape.architecture, shape.stage, shape.jobs[job]!),
    0,
  );
  return {
    name: "update",
    kind: "update",
    calls: 1,
    flops: 12 * parameters,
    elements: 7 * parameters,
    features: { one: 1, parameters, jobs: jobIndices.length },
  };
}
