import { type Architecture, HALVES, type Half } from "../documents/architecture.ts";

type Product = readonly [number, number];

/** [in, out] of the frozen products of a layer's half: q, k and v in one, gate and up in one. */
export function halfProducts(arch: Architecture, half: Half): readonly Product[] {
  const { hiddenSize: hidden, intermediateSize: inner, headDim, numHeads, numKvHeads } = arch;
  return half === "attention"
    ? [
        [hidden, (numHeads + 2 * numKvHeads) * headDim],
        [numHeads * headDim, hidden],
      ]
    : [
        [hidden, 2 * inner],
        [inner, hidden],
      ];
}

/** The products of both halves of a layer. */
export function layerProducts(arch: Architecture): readonly Product[] {
  return HALVES.flatMap((half) => halfProducts(arch, half));
}

/** Bytes of the frozen weights of a half: its products, its norm, and the biases of q, k and v. */
export function halfWeightBytes(
  arch: Architecture,
  half: Half,
  matrixBytes: (product: Product) => number,
  vectorBytes: (length: number) => number,
): number {
  const products = halfProducts(arch, half);
  const biases = half === "attention" && arch.qkvBias ? vectorBytes(products[0]![1]) : 0;
  return products.reduce((bytes, product) => bytes + matrixBytes(product), 0) + vectorBytes(arch.hiddenSize) + biases;
}
