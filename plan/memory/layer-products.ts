import type { Architecture } from "../documents/architecture.ts";

/** [in, out] of a layer's frozen products: q, k and v in one, gate and up in one. */
export function layerProducts(arch: Architecture): readonly (readonly [number, number])[] {
  const { hiddenSize: hidden, intermediateSize: inner, headDim, numHeads, numKvHeads } = arch;
  return [
    [hidden, (numHeads + 2 * numKvHeads) * headDim],
    [numHeads * headDim, hidden],
    [hidden, 2 * inner],
    [inner, hidden],
  ];
}
