import { COMPUTE_BYTES, type ComputeDtype, computeDtype } from "../actions/compute-dtype.ts";
import type { Dtype } from "../documents/dtype.ts";
import { isQuantized } from "./quantized-weights.ts";

/** Bytes of a frozen weight of a layer. nf4 with double quantization has 0.127 bits of scales (QLoRA, section 3). */
export const WEIGHT_BYTES: Readonly<Record<Dtype, number>> = {
  float32: 4,
  bfloat16: 2,
  int8: 1,
  nf4: 0.5 + 0.127 / 8,
};

/**
 * Bytes that dequantizing a weight moves, in a launch of its own before the product: the codes in, a weight of the type
 * that products take out.
 */
export function dequantizedBytes(dtype: Dtype, compute: ComputeDtype = computeDtype(dtype)): number {
  return isQuantized(dtype) ? WEIGHT_BYTES[dtype] + COMPUTE_BYTES[compute] : 0;
}
