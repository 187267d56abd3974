// Where tensors lie in a device's memory.
import { padded } from "../../core/index.ts";
import { COMPUTE_BYTES, type ComputeDtype } from "../actions/compute-dtype.ts";

/** Tensors in the arena start at multiples of this. */
const ALIGNMENT = 64;
const FLOAT = 4;

/**
 * Where a tensor lies: a byte offset in the stage's workspace, or in a slot of one unit of rows (`stash`); in a slot of
 * n units it is n times that.
 */
export interface Place {
  readonly space: "stash" | "work";
  readonly offset: number;
}

export function align(bytes: number): number {
  return padded(bytes, ALIGNMENT);
}

export interface Region {
  take(bytes: number): Place;
  /** [rows, columns] in fp32, or in the compute dtype. */
  floats(columns: number): Place;
  compute(columns: number): Place;
  readonly used: () => number;
}

/** Hands out aligned, consecutive ranges of a space for so many rows, from `start` on. */
export function regionOf(space: Place["space"], rows: number, dtype: ComputeDtype, start = 0): Region {
  let used = start;
  const take = (bytes: number): Place => {
    const offset = used;
    used += align(bytes);
    return { space, offset };
  };
  return {
    take,
    floats: (columns) => take(rows * columns * FLOAT),
    compute: (columns) => take(rows * columns * COMPUTE_BYTES[dtype]),
    used: () => used,
  };
}
