import { sum } from "../../core/index.ts";
import { halfCounts, type LayerRange, mixtureCount } from "../actions/stage-layers.ts";
import { type Architecture, expertsOf, layerKinds, ropesOf } from "../documents/architecture.ts";
import { HALVES, type Half } from "../documents/projections.ts";

/** A frozen product of a layer. */
export interface Product {
  readonly in: number;
  readonly out: number;
  /** Experts, each of which has one of this shape; 1 where it is no product of experts. */
  readonly experts: number;
  /** Whether it stays in the type that is multiplied where the weights are quantized. */
  readonly isWhole: boolean;
}

/** The frozen products of a layer's half: q, k and v in one, gate and up in one; a router before its experts. */
export function halfProducts(arch: Architecture, half: Half, layer: number): readonly Product[] {
  const { hiddenSize: hidden, headDim, numHeads, numKvHeads } = arch;
  const product = (inFeatures: number, out: number, experts = 1, isWhole = false): Product => ({
    ...{ in: inFeatures, out, experts, isWhole },
  });
  if (half === "attention")
    return [product(hidden, (numHeads + 2 * numKvHeads) * headDim), product(numHeads * headDim, hidden)];
  const mixed = expertsOf(arch, layer);
  const { intermediateSize: inner, count } = mixed ?? { ...arch, count: 1 };
  const router = mixed === undefined ? [] : [product(hidden, count, 1, true)];
  return [...router, product(hidden, 2 * inner, count), product(inner, hidden, count)];
}

/** The products of both halves of a layer. */
export function layerProducts(arch: Architecture, layer: number): readonly Product[] {
  return HALVES.flatMap((half) => halfProducts(arch, half, layer));
}

/** Lengths of a half's vectors: its norms, those of queries and keys, sinks, and biases. */
function halfVectors(arch: Architecture, half: Half, layer: number): readonly number[] {
  const { hiddenSize: hidden, headDim, numHeads, numKvHeads, norms, headNorm, qkvBias, outputBias, sinks } = arch;
  const own = Array.from({ length: norms === "both" ? 2 : 1 }, () => hidden);
  if (half === "mlp") {
    const mixed = expertsOf(arch, layer);
    return [
      ...own,
      ...(mixed?.routerBias === true ? [mixed.count] : []),
      ...(mixed?.bias === true ? [mixed.count * 2 * mixed.intermediateSize, mixed.count * hidden] : []),
    ];
  }
  const heads = headNorm?.over === "row" ? [numHeads * headDim, numKvHeads * headDim] : [headDim, headDim];
  return [
    ...own,
    ...(headNorm?.weighted === true ? heads : []),
    ...(qkvBias ? [(numHeads + 2 * numKvHeads) * headDim] : []),
    ...(outputBias === true ? [hidden] : []),
    ...(sinks === true ? [numHeads] : []),
  ];
}

/** Halves of layers that are alike, with one of them. */
interface EqualHalves {
  readonly half: Half;
  readonly layer: number;
  readonly count: number;
}

/** The halves of some layers by what they are made of: attention, MLP, mixture. */
function equalHalves(arch: Architecture, range: LayerRange): readonly EqualHalves[] {
  const { attention, mlp } = halfCounts(range);
  const mixtures = mixtureCount(arch, range);
  const [mixture, dense] = [true, false].map((is) =>
    layerKinds(arch).find((layer) => (expertsOf(arch, layer) !== undefined) === is),
  );
  return [
    { half: "attention", layer: 0, count: attention },
    ...(mixture === undefined ? [] : [{ half: "mlp", layer: mixture, count: mixtures } as const]),
    ...(dense === undefined ? [] : [{ half: "mlp", layer: dense, count: mlp - mixtures } as const]),
  ];
}

/** The shapes of products that some layers have. */
export function stageProducts(arch: Architecture, range: LayerRange): readonly Product[] {
  return equalHalves(arch, range).flatMap(({ half, layer, count }) =>
    count === 0 ? [] : halfProducts(arch, half, layer),
  );
}

/** Bytes of the frozen weights of some layers, or of the halves that there are of them: products and vectors. */
export function layersWeightBytes(
  arch: Architecture,
  range: LayerRange,
  matrixBytes: (product: Product) => number,
  vectorBytes: (length: number) => number,
): number {
  return sum(
    equalHalves(arch, range).map(({ half, layer, count }) => {
      const products = halfProducts(arch, half, layer).map(matrixBytes);
      return count * (sum(products) + sum(halfVectors(arch, half, layer).map(vectorBytes)));
    }),
  );
}

/** Lengths of the vectors that a model's ropes are: angles of half of the columns that are turned. */
export function ropeVectors(arch: Architecture): readonly number[] {
  const length = (arch.rotaryDim ?? arch.headDim) / 2;
  return ropesOf(arch).flatMap((rope) =>
    rope === "own" && arch.ropeScaling?.type === "longrope" ? [length, length] : [length],
  );
}
