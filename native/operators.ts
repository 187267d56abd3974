// The operators that a program is made of. T = rows of the run (tokens of all its sequences, packed without padding).
// Tensors are row-major, float32 or of the operator's compute dtype as stated; every `ld...` is a row stride in
// elements, every column an index in elements. Formulas, accumulation and tolerances: src/ops/<operator>.h.

/** What a device gave out for a matrix, vector, table, adapter or program; valid on that device only. */
export type Handle = number;

/**
 * How elements are stored. An operator's `dtype` is float32 when absent; its `C` tensors have it, all others are
 * float32.
 */
export type Dtype = "float32" | "bfloat16";

/**
 * How frozen weights are stored: as they are multiplied, or in 8 bits, or 4 bits with double quantization, and
 * multiplied as bfloat16.
 */
export type WeightDtype = Dtype | "int8" | "nf4";

/**
 * Where a tensor lives: `stash` = kept from forward to backward, `work` = scratch of one run, `in` and `out` = the
 * stage's edges.
 */
export type Space = "stash" | "work" | "in" | "out";

/**
 * A tensor: a byte offset (a multiple of 64) within a space that a run binds to a place in the device's arena. In
 * `stash` it is the offset in a stash of 16 rows: of n times as many rows, rounded up, it is n times as large.
 */
export interface Tensor {
  readonly space: Space;
  readonly offset: number;
}

/** The q, k and v columns of one packed projection, and the heads they hold. */
export interface HeadLayout {
  readonly qColumn: number;
  readonly kColumn: number;
  readonly vColumn: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

interface Typed {
  readonly dtype?: Dtype;
}

/** out[T,hidden] = table[ids]; C: table. */
export interface EmbedOperator extends Typed {
  readonly op: "embed";
  readonly table: Handle;
  readonly out: Tensor;
  readonly hidden: number;
}

/** y[T,columns] = x, rounded where `to` is narrower: what crosses a stage's edge. */
export interface CopyOperator {
  readonly op: "copy";
  readonly x: Tensor;
  /** float32 when absent, like `to`. */
  readonly from?: Dtype;
  readonly y: Tensor;
  readonly to?: Dtype;
  readonly columns: number;
}

/** y = x * rstd * weight; rstd[T] is kept for backward. C: y. */
export interface RmsnormOperator extends Typed {
  readonly op: "rmsnorm";
  readonly x: Tensor;
  readonly weight: Handle;
  readonly y: Tensor;
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
export interface LoraOperator extends Typed {
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
 * Half-split rotary embedding in place on `heads` heads from `column` on; the position is the row's index in its
 * sequence. C: x.
 */
export interface RopeOperator extends Typed {
  readonly op: "rope";
  readonly x: Tensor;
  readonly ld: number;
  readonly column: number;
  readonly heads: number;
  readonly headDim: number;
  /** A vector [headDim / 2] of angles per position. */
  readonly frequencies: Handle;
  /** True rotates back (the gradient). */
  readonly inverse: boolean;
}

/** Causal attention within each sequence; lse[T,heads] is kept for backward. C: qkv, out. */
export interface AttentionOperator extends HeadLayout, Typed {
  readonly op: "attention";
  readonly qkv: Tensor;
  readonly ld: number;
  readonly out: Tensor;
  readonly ldo: number;
  readonly lse: Tensor;
  readonly scratch: Tensor;
}

/** out[T,intermediate] = silu(gate) * up; gate = columns 0..intermediate of gateUp, up = the next ones. C: both. */
export interface SwigluOperator extends Typed {
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
}

/** dx = (residual) + gradient through the norm; C (bfloat16): dxCompute, the same values rounded. */
export interface RmsnormBackwardOperator extends Typed {
  readonly op: "rmsnormBackward";
  readonly dy: Tensor;
  readonly x: Tensor;
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
export interface LoraBackwardOperator extends Typed {
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

/** dqkv at the q, k and v columns, overwritten; it has the column layout of qkv. C: all but lse. */
export interface AttentionBackwardOperator extends HeadLayout, Typed {
  readonly op: "attentionBackward";
  readonly qkv: Tensor;
  readonly ld: number;
  readonly out: Tensor;
  readonly ldo: number;
  readonly dout: Tensor;
  readonly lddo: number;
  readonly lse: Tensor;
  readonly dqkv: Tensor;
  readonly ldd: number;
  readonly scratch: Tensor;
}

/** dgateUp[T, 2 intermediate] from dout[T,intermediate]. C: all. */
export interface SwigluBackwardOperator extends Typed {
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
  | CopyOperator
  | RmsnormOperator
  | MatmulOperator
  | LoraOperator
  | RopeOperator
  | AttentionOperator
  | SwigluOperator
  | HeadLossOperator
  | RmsnormBackwardOperator
  | MatmulBackwardOperator
  | LoraBackwardOperator
  | AttentionBackwardOperator
  | SwigluBackwardOperator;
