import { sum } from "../../core/index.ts";
import { type Architecture, expertsOf, type SeenLength } from "../documents/architecture.ts";
import type { KernelFigures } from "../documents/kernels.ts";
import {
  copiesOf,
  type Half,
  halfOf,
  hasProjection,
  type Projection,
  projectionShape,
  rowsPerToken,
} from "../documents/projections.ts";
import { attentionSeconds, BACKWARD_FORWARDS } from "./attention-seconds.ts";
import { expertLoad, tiledRows } from "./expert-loads.ts";
import type { DevicePeaks, LayerPass } from "./layer-cost.ts";
import { productSeconds } from "./product-seconds.ts";

/** Projections that one product makes: q, k and v see the same input, and gate and up do. */
const PRODUCTS: Readonly<Record<Half, readonly (readonly Projection[])[]>> = {
  attention: [["q_proj", "k_proj", "v_proj"], ["o_proj"]],
  mlp: [["gate_proj", "up_proj"], ["down_proj"]],
};
const MIXTURE_PRODUCTS: readonly (readonly Projection[])[] = [
  ["router"],
  ["experts_gate_up_proj"],
  ["experts_down_proj"],
];
/** Rows of a tile of grouped products. */
const TILE_ROWS = 128;
/** Whose inputs are split over the devices of tensor parallelism; of all others the outputs are. */
const ROW_PARALLEL: readonly Projection[] = ["o_proj", "down_proj", "experts_down_proj"];

/** Kernels of a pass over a whole layer without adapters, and of each projection with one: norms, rotation, gates; A, B. */
const LAYER_KERNELS = 15;
const ADAPTER_KERNELS = 4;
/** Of all seven projections. */
const ALL_KERNELS = LAYER_KERNELS + 7 * ADAPTER_KERNELS;
/** A backward reads and writes what an adapter's forward does, and makes gradients of A and B. */
const ADAPTER_BACKWARD = 1.5;

const halvesOf = (half: Half | undefined): readonly Half[] => (half === undefined ? ["attention", "mlp"] : [half]);

/** By targets, which many micro-batches have: what is known of them in an architecture, by half and kind of layer. */
const known = new WeakMap<readonly Projection[], { readonly of: Architecture; readonly features: number[] }>();

/** Features that go into projections and come out of them for a token, of those of a layer, or of half of it. */
export function adaptedFeatures(
  architecture: Architecture,
  targets: readonly Projection[],
  layer: number,
  half?: Half,
): number {
  let facts = known.get(targets);
  if (facts?.of !== architecture) {
    facts = { of: architecture, features: [] };
    known.set(targets, facts);
  }
  const kind =
    (half === undefined ? 0 : half === "mlp" ? 4 : 2) + (expertsOf(architecture, layer) === undefined ? 0 : 1);
  facts.features[kind] ??= sum(
    targets
      .filter((projection) => half === undefined || halfOf(projection) === half)
      .filter((projection) => hasProjection(architecture, layer, projection))
      .map((projection) => {
        const shape = projectionShape(architecture, projection);
        return rowsPerToken(architecture, projection) * (shape.in + shape.out);
      }),
  );
  return facts.features[kind];
}

/** Of the launches of a layer whose projections all have adapters, those of one where so many on average have. */
export function launchedShare(targets: number): number {
  return (LAYER_KERNELS + ADAPTER_KERNELS * targets) / ALL_KERNELS;
}

/** Times a forward's adapters move what `adapterBytes` says. */
export function adapterPasses(passes: readonly LayerPass[]): number {
  return sum(passes.map((pass) => (pass === "W" ? 0 : pass === "I" ? ADAPTER_BACKWARD : 1)));
}

interface LayerProduct {
  /** Rows, outputs and inputs. */
  readonly shape: readonly [number, number, number];
  /** Elements of the weights of experts; 0 of other products. */
  readonly expertWeights: number;
}

/** The products of a layer's pass over so many tokens. */
function* productsOf(
  architecture: Architecture,
  tokens: number,
  pass: LayerPass,
  split: number,
  layer: number,
  half: Half | undefined,
): Generator<LayerProduct> {
  const experts = expertsOf(architecture, layer);
  const ofHalf = (own: Half) => (own === "mlp" && experts !== undefined ? MIXTURE_PRODUCTS : PRODUCTS[own]);
  for (const projections of halvesOf(half).flatMap(ofHalf)) {
    const isOfExperts = experts !== undefined && copiesOf(architecture, projections[0]!) > 1;
    const load = isOfExperts ? expertLoad(experts, tokens) : undefined;
    const rows = load === undefined ? tokens : Math.ceil(tiledRows(load, TILE_ROWS));
    const shapes = projections.map((projection) => projectionShape(architecture, projection));
    const isRowParallel = ROW_PARALLEL.includes(projections[0]!);
    const outputs = Math.ceil(sum(shapes.map((shape) => shape.out)) / (isRowParallel ? 1 : split));
    const inputs = Math.ceil(shapes[0]!.in / (isRowParallel ? split : 1));
    const expertWeights = (load?.touched ?? 0) * inputs * outputs;
    if (pass === "I") yield { shape: [rows, inputs, outputs], expertWeights };
    else if (pass === "W") yield { shape: [outputs, inputs, rows], expertWeights };
    else yield { shape: [rows, outputs, inputs], expertWeights };
  }
}

/**
 * Seconds of the products of some passes over a layer or half of it, in bursts. Experts' are one product of all their
 * tiles, and no faster than the weights of all that are touched are read.
 */
export function layerProductSeconds(
  { products }: Pick<KernelFigures, "products">,
  peaks: DevicePeaks,
  architecture: Architecture,
  tokens: number,
  {
    passes,
    split,
    layer,
    half,
  }: {
    readonly passes: readonly LayerPass[];
    readonly split: number;
    readonly layer: number;
    readonly half?: Half | undefined;
  },
): number {
  let seconds = 0;
  for (const pass of passes)
    for (const { shape, expertWeights } of productsOf(architecture, tokens, pass, split, layer, half)) {
      const read = (2 * expertWeights) / (products.memoryShare * peaks.bytesPerSecond);
      seconds += Math.max(productSeconds(products, peaks, shape), read);
    }
  return seconds;
}

/** Seconds of attention over rows in some passes. W has none. */
export function layerAttentionSeconds(
  { products: { multiprocessors }, attention }: KernelFigures,
  peaks: DevicePeaks,
  { numHeads, headDim }: Architecture,
  lengths: readonly number[],
  { passes, split, seen }: { readonly passes: readonly LayerPass[]; readonly split: number; readonly seen: SeenLength },
): number {
  const forwards = sum(passes.map((pass) => (pass === "W" ? 0 : pass === "I" ? BACKWARD_FORWARDS : 1)));
  const heads = Math.ceil(numHeads / split);
  return forwards * attentionSeconds(attention, multiprocessors, peaks, { heads, headDim, lengths, seen });
}

/** Seconds of one product with the head's matrix and of the one that brings its gradient back, or of the first alone. */
export function headProductSeconds(
  { products }: Pick<KernelFigures, "products">,
  peaks: DevicePeaks,
  { hiddenSize, vocabularySize }: Architecture,
  tokens: number,
  { passes, split }: { readonly passes: readonly LayerPass[]; readonly split: number },
): number {
  const outputs = Math.ceil(vocabularySize / split);
  const shapes = {
    F: [tokens, outputs, hiddenSize],
    I: [tokens, hiddenSize, outputs],
    W: [outputs, hiddenSize, tokens],
  };
  return sum(
    passes.map((pass) =>
      productSeconds(products, peaks, shapes[pass === "recomputed" ? "F" : pass] as [number, number, number]),
    ),
  );
}
