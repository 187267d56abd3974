// GGUF, version 3, little endian. Source: docs/gguf.md of ggml, and gguf 0.19.
import { padded } from "../../core/index.ts";
import { encodeFloats } from "../../datasets/index.ts";
import { writeAll, writeWholeFile } from "../../files/index.ts";
import { encodeQ8 } from "./q8.ts";

export type GgufValue =
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "float32" | "uint32"; readonly value: number }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "int32s" | "float32s"; readonly value: readonly number[] };

export type GgufPair = readonly [key: string, value: GgufValue];

/** How numbers are stored. */
export type GgufType = "f32" | "f16" | "bf16" | "q8_0";

/** Their numbers in the file, bytes of so many elements, and what becomes of elements. */
const TYPES: Readonly<
  Record<
    GgufType,
    { readonly id: number; readonly bytes: number; readonly of: number; encode(v: Float32Array): Uint8Array }
  >
> = {
  f32: { id: 0, bytes: 4, of: 1, encode: (values) => encodeFloats(values, "F32") },
  f16: { id: 1, bytes: 2, of: 1, encode: (values) => encodeFloats(values, "F16") },
  q8_0: { id: 8, bytes: 34, of: 32, encode: encodeQ8 },
  bf16: { id: 30, bytes: 2, of: 1, encode: (values) => encodeFloats(values, "BF16") },
};

/** A tensor; its elements are those of the row-major one. */
export interface GgufTensor {
  readonly name: string;
  /** The fastest running first: a matrix [rows, columns] is [columns, rows]. */
  readonly dimensions: readonly number[];
  readonly type: GgufType;
  /** All elements, in pieces of whole rows. */
  readonly pieces: () => Iterable<Float32Array>;
}

const MAGIC = 0x46554747;
const VERSION = 3;
const ALIGNMENT = 32;
/** Of values. */
const KINDS = { int32: 5, uint32: 4, float32: 6, bool: 7, string: 8, array: 9 } as const;

class Bytes {
  readonly parts: Buffer[] = [];
  u32(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.parts.push(bytes);
  }
  u64(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    this.parts.push(bytes);
  }
  numbers(values: Float32Array | Int32Array): void {
    this.parts.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  }
  text(value: string): void {
    const bytes = Buffer.from(value);
    this.u64(bytes.length);
    this.parts.push(bytes);
  }
  value(given: GgufValue): void {
    switch (given.type) {
      case "string":
        this.u32(KINDS.string);
        this.text(given.value);
        break;
      case "uint32":
        this.u32(KINDS.uint32);
        this.u32(given.value);
        break;
      case "float32":
        this.u32(KINDS.float32);
        this.numbers(Float32Array.of(given.value));
        break;
      case "bool":
        this.u32(KINDS.bool);
        this.parts.push(Buffer.of(given.value ? 1 : 0));
        break;
      case "strings":
        this.array(KINDS.string, given.value.length);
        for (const text of given.value) this.text(text);
        break;
      case "int32s":
        this.array(KINDS.int32, given.value.length);
        this.numbers(Int32Array.from(given.value));
        break;
      case "float32s":
        this.array(KINDS.float32, given.value.length);
        this.numbers(Float32Array.from(given.value));
        break;
    }
  }
  array(kind: number, length: number): void {
    this.u32(KINDS.array);
    this.u32(kind);
    this.u64(length);
  }
}

function bytesOfTensor({ dimensions, type }: GgufTensor): number {
  const { bytes, of } = TYPES[type];
  return (dimensions.reduce((product, size) => product * size, 1) / of) * bytes;
}

/** Writes a GGUF file, whole, a piece of a tensor at a time. */
export function writeGguf(file: string, values: readonly GgufPair[], tensors: readonly GgufTensor[]): void {
  const head = new Bytes();
  head.u32(MAGIC);
  head.u32(VERSION);
  head.u64(tensors.length);
  head.u64(values.length);
  for (const [key, value] of values) {
    head.text(key);
    head.value(value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    head.text(tensor.name);
    head.u32(tensor.dimensions.length);
    for (const size of tensor.dimensions) head.u64(size);
    head.u32(TYPES[tensor.type].id);
    head.u64(offset);
    offset += padded(bytesOfTensor(tensor), ALIGNMENT);
  }
  const bytes = Buffer.concat(head.parts);
  const zeros = Buffer.alloc(ALIGNMENT);
  writeWholeFile(file, (descriptor) => {
    const pad = (size: number): void => writeAll(descriptor, zeros.subarray(0, padded(size, ALIGNMENT) - size));
    writeAll(descriptor, bytes);
    pad(bytes.byteLength);
    for (const tensor of tensors) {
      for (const piece of tensor.pieces()) writeAll(descriptor, TYPES[tensor.type].encode(piece));
      pad(bytesOfTensor(tensor));
    }
  });
}
