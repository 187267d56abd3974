import type { RmsnormBackwardOperator, Tensor } from "../native/index.ts";
import type { Architecture, ComputeDtype, EdgeDtypes, Stage, StageLayout } from "../plan/index.ts";
import type { StageWeights } from "./stage-weights.ts";

/** What a stage's programs are composed from. */
export interface ProgramInput {
  readonly architecture: Architecture;
  readonly stage: Stage;
  readonly dtype: ComputeDtype;
  /** What messages are stored as. */
  readonly edges: EdgeDtypes;
  readonly layout: StageLayout;
  readonly weights: StageWeights;
}

/** Columns of a layer's tensors. */
export interface Widths {
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

export function widthsOf({ hiddenSize, intermediateSize, numHeads, numKvHeads, headDim }: Architecture): Widths {
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

/** The types that operators name; in fp32 they name none. */
export interface Types {
  readonly compute: { readonly dtype?: ComputeDtype };
  /** An output in the residual stream. */
  readonly wideOutput: { readonly dtype?: ComputeDtype; readonly yType?: ComputeDtype };
  /** The gradient of a norm's output. */
  readonly wideGradient: { readonly dtype?: ComputeDtype; readonly dxType?: ComputeDtype };
}

export const TYPES: Readonly<Record<ComputeDtype, Types>> = {
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
