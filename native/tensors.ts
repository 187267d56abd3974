// What operators are given: handles, element types, places.

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

/** An operator with a compute dtype. */
export interface Typed {
  readonly dtype?: Dtype;
}
