import { endianness } from "node:os";
import { InvariantError } from "../../core/index.ts";

/** The element types whose values can be read as 32-bit floats, by their safetensors names. */
export type FloatType = "F64" | "F32" | "F16" | "BF16";

/**
 * Bytes of one element of every safetensors type; the float8 and float4 types are not listed because nothing here reads
 * them.
 */
export const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

// The format is little-endian, and typed arrays are used on its bytes as they are.
if (endianness() !== "LE") throw new InvariantError({ expected: "a little-endian machine", got: endianness() });

function aligned(bytes: Uint8Array, elementBytes: number): ArrayBuffer {
  if (bytes.byteOffset % elementBytes === 0 && bytes.buffer instanceof ArrayBuffer && bytes.byteOffset === 0) {
    if (bytes.byteLength === bytes.buffer.byteLength) return bytes.buffer;
  }
  return bytes.slice().buffer;
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The float32 bit pattern of an IEEE half, subnormals included. */
function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  scratch[0] = mantissa * 2 ** -24;
  return sign | (scratchBits[0] ?? 0);
}

/** The IEEE half nearest to a float32 bit pattern, ties to even. */
function floatBitsToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520 and above round to infinity
  if (magnitude < 0x38800000) {
    scratchBits[0] = magnitude;
    const scaled = (scratch[0] ?? 0) * 2 ** 24; // below 2^-14: whole multiples of 2^-24
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    const up = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0;
    return sign | (floor + up);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** The bfloat16 nearest to a float32 bit pattern, ties to even; NaN stays NaN. */
function floatBitsToBfloat16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** Little-endian tensor bytes as 32-bit floats; F64 is rounded to nearest, the others are exact. */
export function decodeFloats(bytes: Uint8Array, type: FloatType): Float32Array {
  const buffer = aligned(bytes, ELEMENT_BYTES[type] ?? 1);
  switch (type) {
    case "F32":
      return new Float32Array(buffer);
    case "F64":
      return Float32Array.from(new Float64Array(buffer));
    case "BF16":
    case "F16": {
      const halves = new Uint16Array(buffer);
      const bits = new Uint32Array(halves.length);
      for (let i = 0; i < halves.length; i += 1) {
        const half = halves[i] ?? 0;
        bits[i] = type === "BF16" ? half << 16 : halfToFloatBits(half);
      }
      return new Float32Array(bits.buffer);
    }
  }
}

/** 32-bit floats as little-endian tensor bytes, rounded to nearest even. */
export function encodeFloats(values: Float32Array, type: FloatType): Uint8Array {
  switch (type) {
    case "F32":
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case "F64":
      return new Uint8Array(Float64Array.from(values).buffer);
    case "BF16":
    case "F16": {
      const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
      const halves = new Uint16Array(values.length);
      for (let i = 0; i < bits.length; i += 1) {
        const word = bits[i] ?? 0;
        halves[i] = type === "BF16" ? floatBitsToBfloat16(word) : floatBitsToHalf(word);
      }
      return new Uint8Array(halves.buffer);
    }
  }
}
