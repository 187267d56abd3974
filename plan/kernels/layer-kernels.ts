import { sum } from "../../core/index.ts";
import type { Architecture, SeenLength } from "../documents/architecture.ts";
import type { KernelFigures } from "../documents/kernels.ts";
import { type Half, halfOf, type Projection, projectionShape } from "../documents/projections.ts";
import { attentionSeconds, BACKWARD_FORWARDS } from "./attention-seconds.ts";
import type { DevicePeaks, LayerPass } from "./layer-cost.ts";
import { productSeconds } from "./product-seconds.ts";

/** Projections that one product makes: q, k and v see the same input, and gate and up do. */
const PRODUCTS: Readonly<Record<Half, readonly (readonly Projection[])[]>> = {
  attention: [["q_proj", "k_proj", "v_proj"], ["o_proj"]],
  mlp: [["gate_proj", "up_proj"], ["down_proj"]],
};
/** Whose inputs are split over the devices of tensor parallelism; of all others the outputs are. */
const ROW_PARALLEL: readonly Projection[] = ["o_proj", "down_proj"];

/** Kernels of a pass over a whole layer without adapters, and of each projection with one: norms, rotation, gates; A, B. */
const LAYER_KERNELS = 15;
const ADAPTER_KERNELS = 4;
/** Of all seven projections. */
const ALL_KERNELS = LAYER_KERNELS + 7 * ADAPTER_KERNELS;
/** A backward reads and writes what an adapter's forward does, and makes gradients of A and B. */
const ADAPTER_BACKWARD = 1.5;

const halvesOf = (half: Half | undefined): readonly Half[] => (half === undefined ? ["attention", "mlp"] : [half]);

/** Features that go into projections and come out of them, all together, of those of a half. */
export function adaptedFeatures(architecture: Architecture, targets: readonly Projection[], half?: Half): number {
  return sum(
    targets
      .filter((projection) => half === undefined || halfOf(projection) === half)
      .map((projection) => {
        const shape = projectionShape(architecture, projection);
        return shape.in + shape.out;
      }),
  );
}

/** Of the launches of a layer whose projections all have adapters, those of one where so many on average have. */
export function launchedShare(targets: number): number {
  return (LAYER_KERNELS + ADAPTER_KERNELS * targets) / ALL_KERNELS;
}

/** Times a forward's adapters move what `adapterBytes` says. */
export function adapterPasses(passes: readonly LayerPass[]): number {
  return sum(passes.map((pass) => (pass === "W" ? 0 : pass === "I" ? ADAPTER_BACKWARD : 1)));
}

/** Rows, outputs and inputs of the products of a layer's pass over so many tokens. */
function* productsOf(
  architecture: Architecture,
  tokens: number,
  pass: LayerPass,
  split: number,
  half: Half | undefined,
): Generator<readonly [number, number, number]> {
  for (const projections of halvesOf(half).flatMap((own) => PRODUCTS[own])) {
    const shapes = projections.map((projection) => projectionShape(architecture, projection));
    const isRowParallel = ROW_PARALLEL.includes(projections[0]!);
    const outputs = Math.ceil(sum(shapes.map((shape) => shape.out)) / (isRowParallel ? 1 : split));
    const inputs = Math.ceil(shapes[0]!.in / (isRowParallel ? split : 1));
    if (pass === "I") yield [tokens, inputs, outputs];
    else if (pass === "W") yield [outputs, inputs, tokens];
    else yield [tokens, outputs, inputs];
  }
}

/** Seconds of the products of some passes over a layer or half of it, in bursts. */
export function layerProductSeconds(
  { products }: Pick<KernelFigures, "products">,
  peaks: DevicePeaks,
  architecture: Architecture,
  tokens: number,
  {
    passes,
    split,
    half,
  }: { readonly passes: readonly LayerPass[]; readonly split: number; readonly half?: Half | undefined },
): number {
  let seconds = 0;
  for (const pass of passes)
    for (const shape of productsOf(architecture, tokens, pass, split, half))
      seconds += productSeconds(products, peaks, shape);
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
