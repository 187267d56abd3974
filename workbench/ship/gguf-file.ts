// GGUF, version 3, little endian: what an adapter needs of it. Source: docs/gguf.md of ggml, and gguf 0.19.
import { padded } from "../../core/index.ts";
import { writeAll, writeWholeFile } from "../../files/index.ts";

export type GgufValue =
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "float32" | "uint32"; readonly value: number };

/** A matrix of float32; its bytes are those of the row-major matrix. */
export interface GgufTensor {
  readonly name: string;
  /** The fastest running first: a matrix [rows, columns] is [columns, rows]. */
  readonly dimensions: readonly number[];
  readonly values: () => Float32Array;
}

const MAGIC = 0x46554747;
const VERSION = 3;
const ALIGNMENT = 32;
/** Of values, and of a tensor's elements. */
const TYPES = { uint32: 4, float32: 6, string: 8 } as const;
const F32 = 0;

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
  f32(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    this.parts.push(bytes);
  }
  text(value: string): void {
    const bytes = Buffer.from(value);
    this.u64(bytes.length);
    this.parts.push(bytes);
  }
}

function bytesOfTensor({ dimensions }: GgufTensor): number {
  return dimensions.reduce((product, size) => product * size, 4);
}

/** Writes a GGUF file, whole, a tensor at a time. */
export function writeGguf(
  file: string,
  values: readonly (readonly [key: string, value: GgufValue])[],
  tensors: readonly GgufTensor[],
): void {
  const head = new Bytes();
  head.u32(MAGIC);
  head.u32(VERSION);
  head.u64(tensors.length);
  head.u64(values.length);
  for (const [key, { type, value }] of values) {
    head.text(key);
    head.u32(TYPES[type]);
    if (type === "string") head.text(value);
    else if (type === "float32") head.f32(value);
    else head.u32(value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    head.text(tensor.name);
    head.u32(tensor.dimensions.length);
    for (const size of tensor.dimensions) head.u64(size);
    head.u32(F32);
    head.u64(offset);
    offset += padded(bytesOfTensor(tensor), ALIGNMENT);
  }
  const bytes = Buffer.concat(head.parts);
  const zeros = Buffer.alloc(ALIGNMENT);
  writeWholeFile(file, (descriptor) => {
    const write = (part: Uint8Array): void => {
      writeAll(descriptor, part);
      writeAll(descriptor, zeros.subarray(0, padded(part.byteLength, ALIGNMENT) - part.byteLength));
    };
    write(bytes);
    for (const { values: read } of tensors) {
      const data = read();
      write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  });
}
