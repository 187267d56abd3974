import { encodeFloats } from "../../datasets/index.ts";

/** Numbers that have one scale. */
export const Q8_BLOCK = 32;

/**
 * Blocks of 32 numbers as ggml's Q8_0 stores them: the scale in float16, and 32 whole numbers. All is rounded to float32
 * on the way, and halves away from 0. Source: Q8_0 of gguf-py/gguf/quants.py of llama.cpp v0.4.0.
 */
export function encodeQ8(values: Float32Array): Uint8Array {
  const blocks = values.length / Q8_BLOCK;
  const bytes = new Uint8Array(blocks * (Q8_BLOCK + 2));
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block += 1) {
    let largest = 0;
    for (let i = 0; i < Q8_BLOCK; i += 1) largest = Math.max(largest, Math.abs(values[block * Q8_BLOCK + i]!));
    const scale = Math.fround(largest / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    scales[block] = scale;
    for (let i = 0; i < Q8_BLOCK; i += 1) {
      const scaled = Math.fround(values[block * Q8_BLOCK + i]! * inverse);
      const rounded = Math.floor(Math.abs(scaled) + 0.5);
      bytes[block * (Q8_BLOCK + 2) + 2 + i] = scaled < 0 ? -rounded : rounded;
    }
  }
  const halves = encodeFloats(scales, "F16");
  for (let block = 0; block < blocks; block += 1)
    bytes.set(halves.subarray(2 * block, 2 * block + 2), block * (Q8_BLOCK + 2));
  return bytes;
}
