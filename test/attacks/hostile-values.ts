// Values that no caller means, for arguments of the addon.

export interface Hostile {
  readonly name: string;
  readonly make: () => unknown;
}

export const HOSTILE_NUMBERS: readonly number[] = [
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, -0.5, 0.5, 1e-300, 1e300],
  ...[
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    2 ** 32 + 1,
    2 ** 50,
    2 ** 53 - 1,
    2 ** 53,
    2 ** 63,
    2 ** 64,
    -(2 ** 31),
    -(2 ** 63),
  ],
];

function detached(): Float32Array {
  const array = new Float32Array(24);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const thrower = new Proxy(
  {},
  {
    get(): never {
      throw new RangeError("Expected nothing at a trap, got a look");
    },
  },
);

/** Not numbers. */
export const HOSTILE_THINGS: readonly Hostile[] = [
  { name: "undefined", make: () => undefined },
  { name: "null", make: () => null },
  { name: "true", make: () => true },
  { name: "an empty text", make: () => "" },
  { name: "a text", make: () => "64" },
  { name: "a text with a lone surrogate", make: () => "\ud800" },
  { name: "a text of a megabyte", make: () => "x".repeat(1 << 20) },
  { name: "a symbol", make: () => Symbol("device") },
  { name: "a bigint", make: () => 64n },
  { name: "a function", make: () => () => 64 },
  { name: "an object", make: () => ({}) },
  { name: "an object that throws", make: () => thrower },
  { name: "an empty list", make: () => [] },
  { name: "a list of a huge length", make: () => new Array(2 ** 32 - 1) },
  { name: "a list of nothing", make: () => new Array(3) },
  { name: "an empty Float32Array", make: () => new Float32Array(0) },
  { name: "a detached Float32Array", make: detached },
  { name: "a Float64Array of another length", make: () => new Float64Array(3) },
  { name: "an Int8Array", make: () => new Int8Array(8) },
  { name: "a DataView", make: () => new DataView(new ArrayBuffer(64)) },
];

export const HOSTILE: readonly Hostile[] = [
  ...HOSTILE_NUMBERS.map((value) => ({ name: String(value), make: () => value })),
  ...HOSTILE_THINGS,
];
