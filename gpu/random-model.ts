import { createRng } from "../core/index.ts";
import type { BaseModel } from "../exec/index.ts";
import type { Architecture } from "../plan/index.ts";

const BLOCK = 2 ** 20;

/** Bits of bfloat16 numbers, uniform in +-scale. */
function randomBlock(scale: number): Uint16Array {
  const rng = createRng("weights");
  const floats = Float32Array.from({ length: BLOCK }, () => (2 * rng.nextFloat() - 1) * scale);
  const bits = new Uint32Array(floats.buffer);
  return Uint16Array.from(bits, (each) => each >>> 16);
}

function repeated(block: Uint16Array, length: number): Uint16Array {
  const result = new Uint16Array(length);
  for (let at = 0; at < length; at += block.length)
    result.set(block.subarray(0, Math.min(block.length, length - at)), at);
  return result;
}

/**
 * A base model of random bfloat16 weights, quickly: a block of a million numbers again and again, one tensor for all of
 * a shape. Norms are ones.
 */
export function randomModel(architecture: Architecture): BaseModel {
  const block = randomBlock(1 / Math.sqrt(architecture.hiddenSize));
  const known = new Map<string, Uint16Array>();
  const bits = (shape: readonly number[]): Uint16Array => {
    const key = shape.join("x");
    const tensor =
      known.get(key) ??
      repeated(
        block,
        shape.reduce((product, size) => product * size, 1),
      );
    known.set(key, tensor);
    return tensor;
  };
  return {
    architecture,
    weights: {
      read(_name, shape) {
        if (shape.length === 1) return new Float32Array(shape[0]!).fill(1);
        return new Float32Array(Uint32Array.from(bits(shape), (each) => each << 16).buffer);
      },
      readBfloat16: (_name, shape) => (shape.length === 1 ? undefined : bits(shape)),
    },
  };
}
