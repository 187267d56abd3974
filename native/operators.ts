// The operators that a program is made of. T = rows of the run (tokens of all its sequences, packed without padding).
// Tensors are row-major, float32 or of the operator's compute dtype as stated; every `ld...` is a row stride in
// elements, every column an index in elements. Formulas, accumulation and tolerances: src/ops/<operator>.h.

import type { AttentionBackwardOperator, AttentionOperator, HeadLayout } from "./attention-operators.ts";
import type {
  CombineBackwardOperator,
  CombineOperator,
  ExpertMatmulBackwardOperator,
  ExpertMatmulOperator,
  GatherRowsOperator,
  LoraPlaces,
  RouteBackwardOperator,
  RouteOperator,
} from "./expert-operators.ts";
import type { CachedAttentionOperator, HeadLogitsOperator } from "./generation-operators.ts";
import type { MagnitudeBackwardOperator, MagnitudeOperator } from "./magnitude-operators.ts";
import type { Dtype, Handle, Tensor, Typed } from "./tensors.ts";

/** out[T,hidden] = scale table[ids], or of tokens whose rows an adapter has scale times these; C: table. */
export interface EmbedOperator extends Typed {
  readonly op: "embed";
  readonly table: Handle;
  readonly out: Tensor;
  readonly hidden: number;
  /** 1 when absent. */
  readonly scale?: number;
  /** The target of entries with tokens. */
  readonly tokens?: number;
}

/** The gradient of rows of tokens, from that of what `embed` gave with the same scale. */
export interface EmbedBackwardOperator {
  readonly op: "embedBackward";
  /** float32 [T,hidden]. */
  readonly dx: Tensor;
  readonly hidden: number;
  readonly scale?: number;
  readonly tokens: number;
}

/** y[T,columns] = scale x (+ residual), rounded where `to` is narrower: what crosses a stage's edge or joins the stream. */
export interface CopyOperator {
  readonly op: "copy";
  readonly x: Tensor;
  /** float32 when absent, like `to`. */
  readonly from?: Dtype;
  readonly y: Tensor;
  readonly to?: Dtype;
  readonly columns: number;
  /** 1 when absent. */
  readonly scale?: number;
  /** float32 [T,columns]; may be y itself, which it needs in float32. */
  readonly residual?: Tensor;
}

/**
 * y = x * rstd * weight (+ residual); rstd[T] is kept for backward. C: y, which is float32 with a residual, and x where
 * `xType` says so.
 */
export interface RmsnormOperator extends Typed {
  readonly op: "rmsnorm";
  readonly x: Tensor;
  /** float32 when absent. */
  readonly xType?: Dtype;
  readonly weight: Handle;
  readonly y: Tensor;
  /** float32; may be y itself. */
  readonly residual?: Tensor;
  readonly rstd: Tensor;
  readonly hidden: number;
  readonly eps: number;
}

/**
 * y[T,out] = x[T,in] W^T (+ bias) (+ residual); the residual may be y itself and needs a float32 y. C: x, weight, and y
 * unless `yType`.
 */
export interface MatmulOperator extends Typed {
  readonly op: "matmul";
  readonly x: Tensor;
  readonly ldx: number;
  readonly weight: Handle;
  readonly y: Tensor;
  readonly yType?: Dtype;
  readonly ldy: number;
  /** A vector [out]. */
  readonly bias?: Handle;
  readonly residual?: Tensor;
  readonly ldr?: number;
}

/** One of the projections of a LoRA operator: they share its input, and the tensor of their outputs. */
export interface LoraProjection {
  /** Index of (layer of the whole model, projection), as in the adapter's entries. */
  readonly target: number;
  readonly outFeatures: number;
  /** First column of its outputs. */
  readonly column: number;
  /** [T, lds] of C; x A^T, kept for backward. lds >= the largest rank. */
  readonly s: Tensor;
  readonly lds: number;
}

/**
 * For each projection and each segment whose adapter has it: s = drop(x) A^T, y[:, column..] += scale s B^T. At most
 * three. C: x, s, and y unless `yType`.
 */
export interface LoraOperator extends Typed, LoraPlaces {
  readonly op: "lora";
  readonly projections: readonly LoraProjection[];
  readonly x: Tensor;
  readonly ldx: number;
  readonly inFeatures: number;
  readonly y: Tensor;
  readonly yType?: Dtype;
  readonly ldy: number;
}

/**
 * The norms of queries and keys: y = x * rstd * weight for q and k, each head by itself or all of them as one row, and
 * y = x for v. rstd is made again by the backward. C: x, y, which has the columns of x and is not x.
 */
export interface HeadNormOperator extends HeadLayout, Typed {
  readonly op: "headNorm";
  readonly x: Tensor;
  readonly y: Tensor;
  /** Of x and y. */
  readonly ld: number;
  /** Vectors [headDim], or with `whole` [heads headDim] and [kvHeads headDim]; 1 everywhere when absent. */
  readonly qWeight?: Handle;
  readonly kWeight?: Handle;
  /** All q of a row are one, and all k of it. */
  readonly whole: boolean;
  readonly eps: number;
}

/** dx from dy, of all three; dx may be dy. C: dy, x, dx. */
export interface HeadNormBackwardOperator extends HeadLayout, Typed {
  readonly op: "headNormBackward";
  readonly dy: Tensor;
  readonly x: Tensor;
  readonly dx: Tensor;
  /** Of dy, x and dx. */
  readonly ld: number;
  readonly qWeight?: Handle;
  readonly kWeight?: Handle;
  readonly whole: boolean;
  readonly eps: number;
}

/**
 * Rotary embedding in place on `heads` heads from `column` on; the position is the row's index in its sequence. The first
 * 2F columns of a head are turned, F being the length of `frequencies`: i with F + i, or with `pairs` 2i with 2i + 1. The
 * others stay as they are. C: x.
 */
export interface RopeOperator extends Typed {
  readonly op: "rope";
  readonly x: Tensor;
  readonly ld: number;
  readonly column: number;
  readonly heads: number;
  readonly headDim: number;
  /** A vector [F] of angles per position, F <= headDim / 2. */
  readonly frequencies: Handle;
  /** Those of sequences that are longer than `longFrom` rows; both or none. */
  readonly longFrequencies?: Handle;
  readonly longFrom?: number;
  /** Neighbouring columns are turned together. */
  readonly pairs?: boolean;
  /** What cosines and sines are multiplied by; 1 when absent. */
  readonly factor?: number;
  /** True rotates back, with the same factor (the gradient). */
  readonly inverse: boolean;
}

/** x[t, column .. column + columns] *= 1 + scale ln(1 + floor((position + 1) / floor)), in place. C: x. */
export interface TemperatureOperator extends Typed {
  readonly op: "temperature";
  readonly x: Tensor;
  readonly ld: number;
  readonly column: number;
  readonly columns: number;
  readonly scale: number;
  readonly floor: number;
}

/**
 * `silu` when absent; `gelu` in its form with tanh; `clamped`: with gate at most `limit` and up in -limit .. limit, gate
 * sigmoid(alpha gate) (up + 1), as gpt-oss has it.
 */
export type Activation = "silu" | "gelu" | "clamped";

/** What `swiglu` and `swigluBackward` share. */
export interface GatedActivation {
  readonly activation?: Activation;
  /** Of `clamped`, both. */
  readonly alpha?: number;
  readonly limit?: number;
  /** k: the tensors have T k rows, which are places; T when absent. */
  readonly perRow?: number;
}

/** out[T,intermediate] = act(gate) * up; gate = columns 0..intermediate of gateUp, up = the next ones. C: both. */
export interface SwigluOperator extends Typed, GatedActivation {
  readonly op: "swiglu";
  readonly gateUp: Tensor;
  readonly ld: number;
  readonly out: Tensor;
  readonly ldo: number;
  readonly intermediate: number;
}

/**
 * Cross-entropy against the run's targets; dx[T,hidden] = gradient of sum over segments of lossScale * (sum of token
 * losses). C: x, weight.
 */
export interface HeadLossOperator extends Typed {
  readonly op: "headLoss";
  readonly x: Tensor;
  readonly weight: Handle;
  readonly hidden: number;
  readonly vocabulary: number;
  /** Without it the losses only (evaluation). Not x itself. */
  readonly dx?: Tensor;
  /** Scratch of the head in `work`; bytes: scratchBytes("headLoss"). */
  readonly logits: Tensor;
  readonly tileRows: number;
  /** What logits are multiplied by; 1 when absent. */
  readonly scale?: number;
  /** c: scaled logits z become c tanh(z / c). */
  readonly softcap?: number;
  /**
   * Adapters' target on the head: logits += scale (drop(x) A^T) B^T before all else, and with `dx` their gradients are
   * added up. lds: at least the largest rank. Both or none.
   */
  readonly target?: number;
  readonly lds?: number;
  /**
   * The target of entries with tokens: logits of these are of their rows, before all else, and with `dx` their gradients are
   * added up. tokenColumns: at least as many as any adapter has. Both or none.
   */
  readonly tokens?: number;
  readonly tokenColumns?: number;
}

/**
 * dx = (residual) + gradient through the norm; C (bfloat16): dxCompute, the same values rounded, and x where `xType` says
 * so.
 */
export interface RmsnormBackwardOperator extends Typed {
  readonly op: "rmsnormBackward";
  readonly dy: Tensor;
  readonly x: Tensor;
  /** float32 when absent. */
  readonly xType?: Dtype;
  readonly rstd: Tensor;
  readonly weight: Handle;
  readonly dx: Tensor;
  readonly dxCompute?: Tensor;
  readonly residual?: Tensor;
  readonly hidden: number;
}

/** dx[T,in] = dy[T,out] W; the matrix was loaded with `backward: true`. C: dy, weight, and dx unless `dxType`. */
export interface MatmulBackwardOperator extends Typed {
  readonly op: "matmulBackward";
  readonly dy: Tensor;
  readonly lddy: number;
  readonly weight: Handle;
  readonly dx: Tensor;
  readonly dxType?: Dtype;
  readonly lddx: number;
}

/**
 * dx += (when given), dA +=, dB += for each projection and each segment whose adapter has it. C: dy, x, s, and dx
 * unless `dxType`.
 */
export interface LoraBackwardOperator extends Typed, LoraPlaces {
  readonly op: "loraBackward";
  readonly projections: readonly LoraProjection[];
  readonly dy: Tensor;
  readonly lddy: number;
  readonly x: Tensor;
  readonly ldx: number;
  readonly inFeatures: number;
  readonly dx?: Tensor;
  readonly dxType?: Dtype;
  readonly lddx?: number;
  readonly scratch: Tensor;
}

/** dgateUp[T, 2 intermediate] from dout[T,intermediate]. C: all. */
export interface SwigluBackwardOperator extends Typed, GatedActivation {
  readonly op: "swigluBackward";
  readonly gateUp: Tensor;
  readonly ld: number;
  readonly dout: Tensor;
  readonly lddo: number;
  readonly dgateUp: Tensor;
  readonly ldd: number;
  readonly intermediate: number;
}

/** One step of a program; `op` names the operator. */
export type Operator =
  | EmbedOperator
  | EmbedBackwardOperator
  | CopyOperator
  | RmsnormOperator
  | MatmulOperator
  | LoraOperator
  | MagnitudeOperator
  | HeadNormOperator
  | RopeOperator
  | TemperatureOperator
  | AttentionOperator
  | CachedAttentionOperator
  | SwigluOperator
  | HeadLossOperator
  | HeadLogitsOperator
  | RouteOperator
  | GatherRowsOperator
  | ExpertMatmulOperator
  | CombineOperator
  | RmsnormBackwardOperator
  | HeadNormBackwardOperator
  | MatmulBackwardOperator
  | LoraBackwardOperator
  | MagnitudeBackwardOperator
  | AttentionBackwardOperator
  | SwigluBackwardOperator
  | RouteBackwardOperator
  | ExpertMatmulBackwardOperator
  | CombineBackwardOperator;
