import { createRng } from "../core/index.ts";
import type { Architecture } from "../plan/index.ts";
import type { WeightSource } from "./model-folder.ts";

/** Random weights of any shape, of ordinary size; enough to measure times. */
export function syntheticWeights(architecture: Architecture): {
  readonly architecture: Architecture;
  readonly weights: WeightSource;
} {
  return {
    architecture,
    weights: {
      read(name, shape) {
        const rng = createRng(name);
        const scale = 1 / Math.sqrt(shape.at(-1) ?? 1);
        return Float32Array.from(
          { length: shape.reduce((product, size) => product * size, 1) },
          () => (2 * rng.nextFloat() - 1) * scale,
        );
      },
      readBfloat16: () => undefined,
    },
  };
}
