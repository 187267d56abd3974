import { sum } from "../../core/index.ts";
import { type JobSegment, jobSegments } from "../actions/mini-batch.ts";
import type { Architecture, SeenLength } from "../documents/architecture.ts";
import type { Feature } from "../documents/calibration.ts";
import type { Projection } from "../documents/projections.ts";
import type { MicroBatch } from "../documents/segment.ts";

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
  readonly features: Readonly<Partial<Record<Feature, number>>>;
  /**
   * Products of layers: [in, out] of the weights, which a quantized model dequantizes for it. Its time is part of the
   * product's.
   */
  readonly layerProduct?: readonly [number, number];
  /** LoRA operators: the group of projections, since those of one name differ in features. */
  readonly projections?: readonly Projection[];
}

export type Direction = "F" | "B";

export function matmul(
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

export function elementwise(
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
export function swiglu(
  direction: Direction,
  intermediateSize: number,
  tokens: number,
  coldTokens: number,
  calls: number,
): OperatorCall {
  const { features, ...call } = elementwise("swiglu", direction, tokens * intermediateSize, tokens, calls);
  // Before the other sizes: where all rows are cold the fit cannot tell the two, and leaves out the first.
  return { ...call, features: { one: 1, cold: coldTokens * intermediateSize, ...features } };
}

/** What a micro-batch's operators depend on. */
export interface Sizes {
  readonly segments: readonly JobSegment[];
  readonly tokens: number;
  readonly scored: number;
  /** Of these without a gradient. */
  readonly ungraded: number;
  /** Sum of the squared lengths of its sequences. */
  readonly squares: number;
  readonly sequences: number;
  /** Of a run with a cache: by segment, tokens before those of each of its lengths, which the cache has. */
  readonly pasts?: readonly (readonly number[])[];
}

/** Of a forward, or of a backward, which goes through fewer rows where the base's answers are compared. */
export function sizesOf(microBatch: Pick<MicroBatch, "rows">, isBackward = false): Sizes {
  const segments = jobSegments(microBatch, isBackward);
  let [tokens, scored, ungraded, squares, sequences] = [0, 0, 0, 0, 0];
  for (const segment of segments) {
    tokens += segment.tokens;
    scored += segment.scored;
    ungraded += segment.ungraded;
    sequences += segment.lengths.length;
    for (const length of segment.lengths) squares += length * length;
  }
  return { segments, tokens, scored, ungraded, squares, sequences };
}

/** `seen`: by the length of a row, what its queries see; all keys before them where absent. */
export function attention(
  direction: Direction,
  arch: Architecture,
  sizes: Sizes,
  calls: number,
  seen?: SeenLength,
): OperatorCall {
  const { tokens, sequences, segments, pasts } = sizes;
  const whole = (length: number): number => (length === 0 ? 0 : length * (seen === undefined ? length : seen(length)));
  const squares =
    pasts !== undefined
      ? sum(
          segments.flatMap(({ lengths }, at) =>
            lengths.map((own, i) => whole(pasts[at]![i]! + own) - whole(pasts[at]![i]!)),
          ),
        )
      : seen === undefined
        ? sizes.squares
        : sum(segments.flatMap(({ lengths }) => lengths.map((length) => Math.round(length * seen(length)))));
  const queryColumns = arch.numHeads * arch.headDim;
  const qkvColumns = queryColumns + 2 * arch.numKvHeads * arch.headDim;
  const pairs = squares / 2;
  const name = pasts === undefined ? "attention" : "cachedAttention";
  const cached = sum((pasts ?? []).flat()) * (qkvColumns - queryColumns);
  return {
    name: `${name}:${direction}`,
    kind: `${name}:${direction}`,
    calls,
    flops: (direction === "F" ? 4 : 10) * pairs * queryColumns,
    elements: tokens * (qkvColumns + queryColumns) + cached,
    features: {
      one: 1,
      work: squares * queryColumns,
      scores: squares * arch.numHeads,
      rows: tokens * qkvColumns,
      heads: sequences * arch.numHeads,
    },
  };
}
