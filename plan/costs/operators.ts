import { sum } from "../../core/index.ts";
import type { PlannedLetter } from "../actions/action.ts";
import { computeDtype } from "../actions/compute-dtype.ts";
import type { EdgeDtypes } from "../actions/message-bytes.ts";
import { adaptedTokens, type Numbered } from "../actions/mini-batch.ts";
import { isSample, type SampleRun, sampleRuns } from "../actions/samples.ts";
import { halfCounts, mixtureCount, numLayersOf } from "../actions/stage-layers.ts";
import type { Architecture } from "../documents/architecture.ts";
import type { Dtype } from "../documents/dtype.ts";
import {
  type Half,
  halfOf,
  isOfMixture,
  joinsMagnitudes,
  LORA_GROUPS,
  loraGroup,
  type Projection,
  projectionShape,
  rowsPerToken,
} from "../documents/projections.ts";
import type { MicroBatch, PlannedJob } from "../documents/segment.ts";
import type { Stage } from "../documents/setting.ts";
import { expertLoad } from "../kernels/expert-loads.ts";
import { adapterParameters, meanRanks } from "./adapter-parameters.ts";
import { mixtureBackward, mixtureBody, mixtureOutput } from "./expert-operators.ts";
import { attentionBackward, headForward, turnsBackward } from "./head-operators.ts";
import { headLogits, headLoss } from "./loss-operators.ts";
import { magnitudes } from "./magnitude-operators.ts";
import {
  type Direction,
  elementwise,
  matmul,
  type OperatorCall,
  type Sizes,
  sizesOf,
  swiglu,
} from "./operator-calls.ts";
import { runOperators } from "./sample-operators.ts";

export interface StageShape {
  readonly architecture: Architecture;
  readonly stage: Stage;
  /** The jobs that micro-batches name by their index. */
  readonly jobs: Numbered<Pick<PlannedJob, "adapter" | "loss">>;
  /** The projections that some adapter of the stage's pipeline may be on, and those on which it may have magnitudes. */
  readonly targets: ReadonlySet<Projection>;
  readonly dora?: readonly Projection[];
  readonly dtype: Dtype;
  /** As `edgeDtypes` says; the compute dtype where absent. */
  readonly edges?: EdgeDtypes;
}

/** The runs of a stage's programs: an evaluation is a forward without the gradient of the loss. */
export type RunLetter = Exclude<PlannedLetter, "U">;

const MLP_INPUTS = loraGroup("gate_proj");

/**
 * How often parts of layers occur: attention, MLPs for all tokens and mixtures of experts, and of attention's what follows
 * from its products on, which a backward need not make again where the MLP is elsewhere.
 */
interface Parts extends Readonly<Record<Half, number>> {
  readonly mixture: number;
  readonly output: number;
}

/** By half, and by the kind of the MLPs. */
function countsOf({ architecture, stage }: StageShape, numLayers?: number): Omit<Parts, "output"> {
  const { attention, mlp } = halfCounts(stage, numLayers);
  const mixture = mixtureCount(architecture, stage, numLayers);
  return { attention, mlp: mlp - mixture, mixture };
}

function halvesIn({ attention, mlp, mixture }: Omit<Parts, "output">): number {
  return attention + mlp + mixture;
}

/** Parts of a stage: all of them, those that the backward computes again, and halves of the other layers. */
function partsOf(shape: StageShape): {
  readonly all: Parts;
  readonly recomputed: Parts;
  readonly kept: Omit<Parts, "output">;
} {
  const { stage } = shape;
  const all = countsOf(shape);
  const again = countsOf(shape, stage.recomputedLayers);
  const dividesLast = stage.endsAtAttention && stage.recomputedLayers === numLayersOf(stage);
  return {
    all: { ...all, output: all.attention },
    recomputed: { ...again, output: again.attention - (dividesLast ? 1 : 0) },
    kept: {
      attention: all.attention - again.attention,
      mlp: all.mlp - again.mlp,
      mixture: all.mixture - again.mixture,
    },
  };
}

/**
 * The LoRA operator of a group, so often: `lora_xa` and `lora_sb`, or the four products of the backward, for all
 * segments and projections at once.
 */
function lora(
  direction: Direction,
  { architecture, jobs, stage }: StageShape,
  { segments }: Sizes,
  projections: readonly Projection[],
  count: number,
): readonly OperatorCall[] {
  let [parts, work, inputs, outputs, weights] = [0, 0, 0, 0, 0];
  for (const segment of segments) {
    const ranks = meanRanks(architecture, stage, jobs[segment.job]!);
    const own = projections.filter((projection) => ranks[projection] !== undefined);
    if (own.length === 0) continue;
    const tokens = adaptedTokens(segment, jobs[segment.job]!);
    if (tokens === 0) continue;
    const rows = tokens * rowsPerToken(architecture, own[0]!);
    const copies = rows === tokens ? 1 : expertLoad(architecture.experts!, tokens).touched;
    parts += copies * own.length;
    inputs += rows * projectionShape(architecture, own[0]!).in;
    for (const projection of own) {
      const { in: inFeatures, out: outFeatures } = projectionShape(architecture, projection);
      const rank = ranks[projection]!;
      work += rows * rank * (inFeatures + outFeatures);
      outputs += rows * outFeatures;
      weights += copies * rank * (inFeatures + outFeatures);
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
      warmTokens += adaptedTokens(segment, jobs[segment.job]!);
  return swiglu("F", architecture.intermediateSize, tokens, tokens - warmTokens, layers);
}

/** Magnitudes on the outputs of those projections, or back through them. */
function scaled(shape: StageShape, { segments }: Sizes, parts: Parts, isOf: (projection: Projection) => boolean) {
  const countOf = (of: Projection): number => (of === "o_proj" ? parts.output : parts[halfOf(of)]);
  return magnitudes(shape, segments, countOf)
    .filter(({ projection }) => isOf(projection))
    .map(({ call }) => call);
}

function loras(
  direction: Direction,
  shape: StageShape,
  sizes: Sizes,
  parts: Parts,
  groups = LORA_GROUPS,
): readonly OperatorCall[] {
  const countOf = (first: Projection): number => {
    if (first === "o_proj") return parts.output;
    return isOfMixture(first) ? parts.mixture : parts[halfOf(first)];
  };
  return groups.flatMap((group) => lora(direction, shape, sizes, group, countOf(group[0]!)));
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
function branchGradients({ architecture, dora }: StageShape, tokens: number, count: number) {
  const { hiddenSize, norms, residualScale } = architecture;
  if (norms !== undefined) return [elementwise("rmsnorm", "B", tokens * hiddenSize, tokens, count)];
  return residualScale === undefined && !joinsMagnitudes(dora)
    ? []
    : [elementwise("copy", "B", tokens * hiddenSize, tokens, count)];
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
 * The operators of parts of layers up to gate and up, of mixtures up to what their experts give: a forward has them, and
 * a backward that computes layers again.
 */
function upToGateUp(shape: StageShape, sizes: Sizes, parts: Parts, isAgain: boolean): readonly OperatorCall[] {
  const { architecture: arch } = shape;
  const { tokens } = sizes;
  const queryColumns = arch.numHeads * arch.headDim;
  return [
    matmul("F", tokens, arch.hiddenSize, queryColumns + 2 * arch.numKvHeads * arch.headDim, parts.attention),
    matmul("F", tokens, queryColumns, arch.hiddenSize, parts.output),
    matmul("F", tokens, arch.hiddenSize, 2 * arch.intermediateSize, parts.mlp),
    ...mixtureBody(arch, tokens, parts.mixture),
    ...headForward({ architecture: arch, stage: shape.stage, sizes }, isAgain),
    ...joins(shape, tokens, parts.output),
    ...loras(
      "F",
      shape,
      sizes,
      parts,
      LORA_GROUPS.filter((group) => !group.includes("down_proj")),
    ),
    ...scaled(shape, sizes, parts, (projection) => projection !== "down_proj"),
  ];
}

/** `atEnd`: what is behind the last layer. */
function forwardOperators(shape: StageShape, sizes: Sizes, atEnd: OperatorCall): readonly OperatorCall[] {
  const { architecture: arch, stage } = shape;
  const { hiddenSize: hidden, intermediateSize: inner } = arch;
  const { tokens } = sizes;
  const { all: parts } = partsOf(shape);
  return [
    ...(stage.embedding ? [elementwise("embed", "F", tokens * hidden, tokens, 1)] : []),
    ...edgeCopies(shape, "F", tokens),
    ...upToGateUp(shape, sizes, parts, false),
    ...halfInputs(shape, "F", tokens, halvesIn(parts), stage.head ? 1 : 0),
    ...joins(shape, tokens, parts.mlp + parts.mixture),
    ...mixtureOutput(arch, tokens, parts.mixture),
    forwardSwiglu(shape, sizes, parts.mlp),
    matmul("F", tokens, inner, hidden, parts.mlp),
    ...loras("F", shape, sizes, parts, [["down_proj"]]),
    ...scaled(shape, sizes, parts, (projection) => projection === "down_proj"),
    ...(stage.head ? [atEnd] : []),
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
    (targeted(...loraGroup("q_proj")) ? kept.attention : 0) +
    (targeted(...MLP_INPUTS) ? kept.mlp : 0) +
    (targeted("router", "experts_gate_up_proj") ? kept.mixture : 0);
  const normElements = tokens * arch.hiddenSize;
  return [
    ...upToGateUp(shape, sizes, recomputed, true),
    ...halfInputs(shape, "B", tokens, halvesIn(recomputed), 0),
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
    swiglu("B", shape.architecture.intermediateSize, tokens, coldTokens, count);
  return shape.targets.has("down_proj") ? [call(0, all.mlp)] : [call(0, recomputed.mlp), call(tokens, kept.mlp)];
}

/**
 * The first layer after the embedding has no gradient of its input, unless rows of the embedding are trained: neither its
 * qkv product nor its first norm goes back.
 */
function backwardOperators(shape: StageShape, sizes: Sizes): readonly OperatorCall[] {
  const { architecture: arch, stage } = shape;
  const { hiddenSize: hidden, intermediateSize: inner, numHeads, numKvHeads, headDim } = arch;
  const { tokens } = sizes;
  const { all: parts, kept } = partsOf(shape);
  const { targets } = shape;
  const trainsEmbedding = stage.embedding && targets.has("embed_tokens");
  const inputGradients = parts.attention - (stage.embedding && !trainsEmbedding ? 1 : 0);
  const queryColumns = numHeads * headDim;
  return [
    matmul("B", tokens, hidden, queryColumns + 2 * numKvHeads * headDim, inputGradients),
    matmul("B", tokens, queryColumns, hidden, parts.attention),
    matmul("B", tokens, hidden, 2 * inner, parts.mlp),
    matmul("B", tokens, inner, hidden, parts.mlp),
    ...mixtureBackward(arch, tokens, parts.mixture, {
      kept: kept.mixture,
      gateUp: targets.has("experts_gate_up_proj"),
      down: targets.has("experts_down_proj"),
      isRounded: computeDtype(shape.dtype) !== "float32",
    }),
    ...turnsBackward({ architecture: arch, stage, sizes }),
    ...backwardSwiglus(shape, sizes),
    ...streamGradients(shape, tokens, inputGradients + parts.mlp + parts.mixture, stage.head ? 1 : 0),
    ...branchGradients(shape, tokens, halvesIn(parts)),
    ...attentionBackward({ architecture: arch, stage, sizes }),
    ...loras("B", shape, sizes, parts),
    ...scaled(shape, sizes, parts, () => true),
    ...recomputations(shape, sizes),
    ...edgeCopies(shape, "B", tokens),
    ...(trainsEmbedding ? [elementwise("copy", "B", tokens * hidden, tokens, 1)] : []),
  ];
}

/**
 * The operators of a run of one micro-batch on one stage, or of all runs that answer its prompts, in no order; what the
 * cost models add up. The
 * list follows the executor's stage program, operator for operator. What a backward computes again of its layers are
 * the forward's operators, so that a calibration needs no run with recomputation to know them.
 */
export function stageOperators(
  shape: StageShape,
  letter: RunLetter,
  microBatch: Pick<MicroBatch, "rows">,
): readonly OperatorCall[] {
  const operators = isSample(microBatch)
    ? sampleRuns(microBatch).flatMap((run) => sampleRunOperators(shape, run))
    : runOf(shape, letter, sizesOf(microBatch, letter === "B"));
  return operators.filter(({ calls }) => calls > 0);
}

function runOf(shape: StageShape, letter: RunLetter, sizes: Sizes): readonly OperatorCall[] {
  if (letter === "B") return backwardOperators(shape, sizes);
  return forwardOperators(shape, sizes, headLoss(shape, sizes, letter === "F"));
}

/** The same of one of the runs that answer a micro-batch of prompts, and of what the host does behind it. */
export function sampleRunOperators(shape: StageShape, run: SampleRun): readonly OperatorCall[] {
  return runOperators(run, shape.architecture.vocabularySize, (sizes) =>
    forwardOperators(shape, sizes, headLogits(shape, sizes)),
  );
}

/** What AdamW reads and writes of each number that it updates: itself and two moments, and reads: its gradient. */
export const UPDATED_ELEMENTS = 7;

/** AdamW over the adapters of the given jobs on a stage. */
export function updateOperator(
  { architecture, stage, jobs }: Pick<StageShape, "architecture" | "stage" | "jobs">,
  jobIndices: readonly number[],
): OperatorCall {
  const parameters = sum(jobIndices.map((job) => adapterParameters(architecture, stage, jobs[job]!)));
  return {
    name: "update",
    kind: "update",
    calls: 1,
    flops: 12 * parameters,
    elements: UPDATED_ELEMENTS * parameters,
    features: { one: 1, parameters, jobs: jobIndices.length },
  };
}
