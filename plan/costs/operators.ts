import type { PlannedLetter } from "../action.ts";
import { computeDtype } from "../compute-dtype.ts";
import {
  type Architecture,
  type Half,
  halfOf,
  LORA_GROUPS,
  loraGroup,
  type Projection,
  projectionShape,
} from "../documents/architecture.ts";
import type { MicroBatch, PlannedJob } from "../documents/segment.ts";
import type { Stage } from "../documents/setting.ts";
import type { Dtype } from "../documents/workload.ts";
import type { EdgeDtypes } from "../message-bytes.ts";
import { type JobSegment, jobSegments, type Numbered } from "../mini-batch.ts";
import { halfCounts, numLayersOf } from "../stage-layers.ts";
import { adapterParameters } from "./adapter-parameters.ts";

/**
 * One operator of an action with what its time is made of. Features are numbers of elements, floating-point operations
 * or calls.
 */
export interface OperatorCall {
  /** `matmul:768x2304:F` (in x out), `attention:F`, `lora:B`, ... : the name under which calibrations hold it. */
  readonly name: string;
  /** The same kind at any shape: `matmul:F`; equal to `name` where the shape is in the features. */
  readonly kind: string;
  /** How many times in the action. */
  readonly calls: number;
  readonly flops: number;
  /** Elements read and written, weights included. */
  readonly elements: number;
  /** Features of ONE call for measured models; `one` is 1. */
  readonly features: Readonly<Record<string, number>>;
  /**
   * Products of layers: [in, out] of the weights, which a quantized model dequantizes for it. Its time is part of the
   * product's.
   */
  readonly layerProduct?: readonly [number, number];
  /** LoRA operators: the group of projections, since those of one name differ in features. */
  readonly projections?: readonly Projection[];
}

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

type Direction = "F" | "B";

/** The runs of a stage's programs: an evaluation is a forward without the gradient of the loss. */
export type RunLetter = Exclude<PlannedLetter, "U">;

const MLP_INPUTS = loraGroup("gate_proj");

function matmul(
  direction: Direction,
  tokens: number,
  inFeatures: number,
  outFeatures: number,
  calls: number,
): OperatorCall {
  const flops = 2 * tokens * inFeatures * outFeatures;
  const elements = inFeatures * outFeatures + tokens * (inFeatures + outFeatures);
  return {
    name: `matmul:${inFeatures}x${outFeatures}:${direction}`,
    kind: `matmul:${direction}`,
    calls,
    flops,
    elements,
    features: { one: 1, tokens, flops, weights: inFeatures * outFeatures },
    layerProduct: [inFeatures, outFeatures],
  };
}

function elementwise(
  name: string,
  direction: Direction,
  elements: number,
  tokens: number,
  calls: number,
): OperatorCall {
  const kind = `${name}:${direction}`;
  return { name: kind, kind, calls, flops: elements, elements, features: { one: 1, elements, tokens } };
}

/**
 * SwiGLU, forward or backward. `cold`: the elements of those rows whose gate and up no operator had in its caches just
 * before, so that they come from farther away.
 */
function swiglu(
  direction: Direction,
  { intermediateSize }: Architecture,
  tokens: number,
  coldTokens: number,
  calls: number,
): OperatorCall {
  const { features, ...call } = elementwise("swiglu", direction, tokens * intermediateSize, tokens, calls);
  // Before the other sizes: where all rows are cold the fit cannot tell the two, and leaves out the first.
  return { ...call, features: { one: 1, cold: coldTokens * intermediateSize, ...features } };
}

/** What a micro-batch's operators depend on. */
interface Sizes {
  readonly segments: readonly JobSegment[];
  readonly tokens: number;
  readonly scored: number;
  /** Sum of the squared lengths of its sequences. */
  readonly squares: number;
  readonly sequences: number;
}

function sizesOf(microBatch: Pick<MicroBatch, "rows">): Sizes {
  const segments = jobSegments(microBatch);
  let [tokens, scored, squares, sequences] = [0, 0, 0, 0];
  for (const segment of segments) {
    tokens += segment.tokens;
    scored += segment.scored;
    sequences += segment.lengths.length;
    for (const length of segment.lengths) squares += length * length;
  }
  return { segments, tokens, scored, squares, sequences };
}

function attention(direction: Direction, arch: Architecture, sizes: Sizes, calls: number): OperatorCall {
  const { tokens, squares, sequences } = sizes;
  const queryColumns = arch.numHeads * arch.headDim;
  const qkvColumns = queryColumns + 2 * arch.numKvHeads * arch.headDim;
  const pairs = squares / 2;
  return {
    name: `attention:${direction}`,
    kind: `attention:${direction}`,
    calls,
    flops: (direction === "F" ? 4 : 10) * pairs * queryColumns,
    elements: tokens * (qkvColumns + queryColumns),
    features: {
      one: 1,
      work: squares * queryColumns,
      scores: squares * arch.numHeads,
      rows: tokens * qkvColumns,
      heads: sequences * arch.numHeads,
    },
  };
}

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
    if (shapes.length > 0) inputs += segment.tokens * shapes[0]!.in;
    for (const { in: inFeatures, out: outFeatures } of shapes) {
      work += segment.tokens * rank * (inFeatures + outFeatures);
      outputs += segment.tokens * outFeatures;
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
      warmTokens += segment.tokens;
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
 * The operators of parts of layers up to gate and up: a forward has them, and a backward that computes layers again.
 */
function upToGateUp(shape: StageShape, sizes: Sizes, parts: Parts): readonly OperatorCall[] {
  const { architecture: arch } = shape;
  const { tokens } = sizes;
  const queryColumns = arch.numHeads * arch.headDim;
  const rotated = (arch.numHeads + arch.numKvHeads) * arch.headDim;
  return [
    matmul("F", tokens, arch.hiddenSize, queryColumns + 2 * arch.numKvHeads * arch.headDim, parts.attention),
    matmul("F", tokens, queryColumns, arch.hiddenSize, parts.output),
    matmul("F", tokens, arch.hiddenSize, 2 * arch.intermediateSize, parts.mlp),
    elementwise("rope", "F", tokens * rotated, tokens, parts.attention),
    attention("F", arch, sizes, parts.attention),
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
  { tokens, scored }: Sizes,
  withGradient: boolean,
): OperatorCall {
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
    ...upToGateUp(shape, sizes, parts),
    elementwise("rmsnorm", "F", tokens * hidden, tokens, parts.attention + parts.mlp + (stage.head ? 1 : 0)),
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
  const norms =
    (targeted("q_proj", "k_proj", "v_proj") ? kept.attention : 0) + (targeted("gate_proj", "up_proj") ? kept.mlp : 0);
  const normElements = tokens * arch.hiddenSize;
  return [
    ...upToGateUp(shape, sizes, recomputed),
    elementwise("rmsnorm", "F", normElements, tokens, recomputed.attention + recomputed.mlp),
    elementwise("rmsnorm-again", "B", normElements, tokens, norms),
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
    elementwise("rope", "B", tokens * (numHeads + numKvHeads) * headDim, tokens, parts.attention),
    ...backwardSwiglus(shape, sizes),
    elementwise("rmsnorm", "B", tokens * hidden, tokens, inputGradients + parts.mlp + (stage.head ? 1 : 0)),
    attention("B", arch, sizes, parts.attention),
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
  const sizes = sizesOf(microBatch);
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
