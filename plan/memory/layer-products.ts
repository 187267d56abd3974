import { sum } from "../../core/index.ts";
import { type Architecture, ropesOf } from "../documents/architecture.ts";
import { HALVES, type Half } from "../documents/projections.ts";

export type Product = readonly [number, number];

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

/** Lengths of a half's vectors: its norms, those of queries and keys, and biases. */
function halfVectors(arch: Architecture, half: Half): readonly number[] {
  const { hiddenSize: hidden, headDim, numHeads, numKvHeads, norms, headNorm, qkvBias, outputBias } = arch;
  const own = Array.from({ length: norms === "both" ? 2 : 1 }, () => hidden);
  if (half === "mlp") return own;
  const heads = headNorm?.over === "row" ? [numHeads * headDim, numKvHeads * headDim] : [headDim, headDim];
  return [
    ...own,
    ...(headNorm?.weighted === true ? heads : []),
    ...(qkvBias ? [(numHeads + 2 * numKvHeads) * headDim] : []),
    ...(outputBias === true ? [hidden] : []),
  ];
}

/** Bytes of the frozen weights of a half: its products and its vectors. */
export function halfWeightBytes(
  arch: Architecture,
  half: Half,
  matrixBytes: (product: Product) => number,
  vectorBytes: (length: number) => number,
): number {
  return sum(halfProducts(arch, half).map(matrixBytes)) + sum(halfVectors(arch, half).map(vectorBytes));
}

/** Lengths of the vectors that a model's ropes are: angles of half of the columns that are turned. */
export function ropeVectors(arch: Architecture): readonly number[] {
  const length = (arch.rotaryDim ?? arch.headDim) / 2;
  return ropesOf(arch).flatMap((rope) =>
    rope === "own" && arch.ropeScaling?.type === "longrope" ? [length, length] : [length],
  );
}
