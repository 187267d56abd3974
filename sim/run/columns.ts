type Numbers = Float64Array | Int32Array | Uint8Array | Uint32Array;

/** A longer array with the same first numbers. */
export function longer<A extends Numbers>(values: A, length: number): A {
  const result = new (values.constructor as new (length: number) => A)(length);
  result.set(values as never);
  return result;
}

/** The first numbers, as an array of their own that no one else writes to. */
export function first<A extends Numbers>(values: A, length: number): A {
  return length === values.length ? values : (values.slice(0, length) as A);
}
