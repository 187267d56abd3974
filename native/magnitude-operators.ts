// Operators of adapters with magnitudes (DoRA). Formulas, accumulation and tolerances: src/ops/magnitude.h.
import type { Dtype, Handle, Tensor, Typed } from "./tensors.ts";

/** Of one projection of adapters with magnitudes (DoRA). */
interface MagnitudeGiven extends Typed {
  /** As an adapter's entry has it. */
  readonly target: number;
  readonly outFeatures: number;
  /** First column of its outputs. */
  readonly column: number;
  /** [T, ldu] of C: what the product and the adapter gave together, kept for backward. Not kept when absent. */
  readonly u?: Tensor | undefined;
  readonly ldu?: number | undefined;
}

/**
 * In place, for each segment whose adapter has magnitudes there: u = y - bias - residual, y = magnitude / norm u + bias +
 * residual. C: u, and y unless `yType`.
 */
export interface MagnitudeOperator extends MagnitudeGiven {
  readonly op: "magnitude";
  readonly y: Tensor;
  readonly yType?: Dtype;
  readonly ldy: number;
  /** A vector [ldy]. */
  readonly bias?: Handle;
  /** float32; needs a float32 y. */
  readonly residual?: Tensor;
  readonly ldr?: number;
}

/**
 * The gradient of magnitudes is added up, then dy *= magnitude / norm, in place; from `y`, what was behind the magnitudes,
 * where `u` was not kept and nothing was added. C: dy, u, y.
 */
export interface MagnitudeBackwardOperator extends MagnitudeGiven {
  readonly op: "magnitudeBackward";
  readonly dy: Tensor;
  readonly lddy: number;
  readonly y?: Tensor;
  readonly ldy?: number;
}
