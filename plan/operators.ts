import { type Architecture, PROJECTIONS, type Projection, projectionShape } from "./documents/architecture.ts";
import type { MicroBatch, PlannedJob, Stage } from "./documents/plan.ts";
import { jobSegments } from "./mini-batch.ts";

/** One operator of an action with what its time is made of. Features are numbers of elements, floating-point operations or calls. */
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
  /** LoRA operators: the projection, since those of one name differ in features. */
  readonly projection?: Projection;
}

export interface StageShape {
  readonly architecture: Architecture;
  readonly stage: Stage;
  readonly jobs: readonly PlannedJob[];
}

type Direction = "F" | "B";

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

/** LoRA on one projection: shrink and expand, or the three gradients and the input's. One call for all segments. */
function lora(
  direction: Direction,
  segments: readonly { tokens: number; rank: number }[],
  inFeatures: number,
  outFeatures: number,
  calls: number,
): OperatorCall {
  let work = 0;
  let rows = 0;
  let weights = 0;
  for (const { tokens, rank } of segments) {
    work += tokens * rank * (inFeatures + outFeatures);
    rows += tokens * (inFeatures + outFeatures);
    weights += rank * (inFeatures + outFeatures);
  }
  const passes = direction === "F" ? 1 : 2;
  return {
    name: `lora:${direction}`,
    kind: `lora:${direction}`,
    calls,
    flops: 2 * passes * work,
    elements: passes * (rows + weights),
    features: { one: 1, segments: segments.length, work, rows, weights },
  };
}

/** Inputs of LoRA projections that are not kept but computed again in the backward, where any job targets such a projection. */
function recomputations({ architecture: arch, stage, jobs }: StageShape, tokens: number): readonly OperatorCall[] {
  const layers = stage.endLayer - stage.firstLayer;
  const targeted = (...projections: readonly Projection[]): boolean =>
    jobs.some((job) => projections.some((projection) => job.adapter.targets.includes(projection)));
  const norms = (targeted("q_proj", "k_proj", "v_proj") ? layers : 0) + (targeted("gate_proj", "up_proj") ? layers : 0);
  return [
    ...(norms > 0 ? [elementwise("rmsnorm-again", "B", tokens * arch.hiddenSize, tokens, norms)] : []),
    ...(targeted("down_proj")
      ? [elementwise("swiglu-again", "B", tokens * arch.intermediateSize, tokens, layers)]
      : []),
  ];
}

/**
 * The operators of a forward or backward of one micro-batch on one stage, in no order; what the cost models add up.
 * The list follows the executor's stage program, operator for operator.
 */
export function stageOperators(
  shape: StageShape,
  direction: Direction,
  microBatch: Pick<MicroBatch, "rows">,
): readonly OperatorCall[] {
  const { architecture: arch, stage, jobs } = shape;
  const segments = jobSegments(microBatch);
  const layers = stage.endLayer - stage.firstLayer;
  let tokens = 0;
  let scored = 0;
  let squares = 0;
  let sequences = 0;
  for (const segment of segments) {
    tokens += segment.tokens;
    scored += segment.scored;
    sequences += segment.lengths.length;
    for (const length of segment.lengths) squares += length * length;
  }
  const { hiddenSize: hidden, intermediateSize: inner, numHeads, numKvHeads, headDim, vocabularySize } = arch;
  const queryColumns = numHeads * headDim;
  const qkvColumns = (numHeads + 2 * numKvHeads) * headDim;
  const calls: OperatorCall[] = [];
  if (stage.embedding && direction === "F") calls.push(elementwise("embed", "F", tokens * hidden, tokens, 1));
  if (!stage.embedding && direction === "F") calls.push(elementwise("copy", "F", tokens * hidden, tokens, 1));
  const firstBackward = direction === "B" && stage.embedding;
  const qkvLayers = firstBackward ? layers - 1 : layers;
  if (qkvLayers > 0) calls.push(matmul(direction, tokens, hidden, qkvColumns, qkvLayers));
  calls.push(
    matmul(direction, tokens, queryColumns, hidden, layers),
    matmul(direction, tokens, hidden, 2 * inner, layers),
    matmul(direction, tokens, inner, hidden, layers),
    elementwise("rope", direction, tokens * (numHeads + numKvHeads) * headDim, tokens, layers),
    elementwise("swiglu", direction, tokens * inner, tokens, layers),
    elementwise("rmsnorm", direction, tokens * hidden, tokens, 2 * layers + (stage.head ? 1 : 0)),
  );
  if (direction === "B") calls.push(...recomputations(shape, tokens));
  const pairs = squares / 2;
  calls.push({
    name: `attention:${direction}`,
    kind: `attention:${direction}`,
    calls: layers,
    flops: (direction === "F" ? 4 : 10) * pairs * queryColumns,
    elements: tokens * (qkvColumns + queryColumns),
    features: {
      one: 1,
      work: squares * queryColumns,
      scores: squares * numHeads,
      rows: tokens * qkvColumns,
      heads: sequences * numHeads,
    },
  });
  for (const projection of PROJECTIONS) {
    const members = segments
      .filter((segment) => jobs[segment.job]!.adapter.targets.includes(projection))
      .map((segment) => ({ tokens: segment.tokens, rank: jobs[segment.job]!.adapter.rank }));
    const { in: inFeatures, out: outFeatures } = projectionShape(arch, projection);
    if (members.length > 0) calls.push({ ...lora(direction, members, inFeatures, outFeatures, layers), projection });
  }
  if (stage.head && direction === "F") {
    const flops = 4 * scored * hidden * vocabularySize;
    calls.push({
      name: `head:${hidden}x${vocabularySize}`,
      kind: "head",
      calls: 1,
      flops,
      elements: 2 * hidden * vocabularySize + scored * vocabularySize,
      features: { one: 1, scored, tokens, flops, weights: hidden * vocabularySize },
    });
  }
  return calls;
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

/** Parameters of a job's adapter on a stage: A [rank, in] and B [out, rank] for each target of each layer. */
export function adapterParameters(
  arch: Architecture,
  stage: Pick<Stage, "firstLayer" | "endLayer">,
  job: Pick<PlannedJob, "adapter">,
): number {
  let perLayer = 0;
  for (const target of job.adapter.targets) {
    const { in: inFeatures, out: outFeatures } = projectionShape(arch, target);
    perLayer += job.adapter.rank * (inFeatures + outFeatures);
  }
  return perLayer * (stage.endLayer - stage.firstLayer);
}
