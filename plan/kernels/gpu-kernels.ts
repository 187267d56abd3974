import { mean, ownValue } from "../../core/index.ts";
import type { Catalog, CatalogDevice } from "../documents/catalog.ts";
import type { AttentionFigures, CollectiveFigures, ProductFigures } from "../documents/kernels.ts";

type Kernels = NonNullable<CatalogDevice["kernels"]>;
/** A device whose kernels were timed. */
type Timed = CatalogDevice & { readonly kernels: Kernels };

/** What figures of kernels rest on: times of the GPU, of another one of its design, or of all that were timed. */
export type KernelSource = "measured" | "generation" | "mean";

/** What kernels take on a GPU of the catalog, and what that rests on. */
export interface GpuKernels {
  readonly products: ProductFigures;
  readonly attention: AttentionFigures;
  /** Over the fast link of a machine; undefined where nobody timed them over such a link. */
  readonly collectives: CollectiveFigures | undefined;
  /** How much nearer norms, gates and sums come to the memory's rate than on the GPU whose layers were timed. */
  readonly memoryBoundSpeed: number;
  readonly source: KernelSource;
  /** The GPU whose times they are; undefined for the mean of all. */
  readonly of: string | undefined;
}

/** Of GPUs that nobody counted them of: one of today's large ones has about as many. */
const MULTIPROCESSORS = 128;

function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.map(Math.log)));
}

/** Figures of products and attention, whatever they rest on. */
interface KernelNumbers {
  readonly products: Omit<ProductFigures, "multiprocessors">;
  readonly attention: AttentionFigures;
}

/** Figures between those of all that were timed: shares of the peak of attention by ratio, as they lie far apart. */
function meanKernels(timed: readonly Timed[]): KernelNumbers {
  const product = (of: keyof Omit<ProductFigures, "multiprocessors">): number =>
    mean(timed.map(({ kernels }) => kernels.products[of]));
  const share = (width: "64" | "128" | "256"): number =>
    geometricMean(timed.map(({ kernels }) => kernels.attention.computeShares[width]));
  const attention = (of: "halfSpeedTokens" | "emptyWave" | "seconds"): number =>
    mean(timed.map(({ kernels }) => kernels.attention[of]));
  return {
    products: {
      ...{ computeShare: product("computeShare"), squareTile: product("squareTile") },
      ...{ memoryShare: product("memoryShare"), seconds: product("seconds"), powerLoss: product("powerLoss") },
    },
    attention: {
      computeShares: { "64": share("64"), "128": share("128"), "256": share("256") },
      ...{ halfSpeedTokens: attention("halfSpeedTokens"), emptyWave: attention("emptyWave") },
      seconds: attention("seconds"),
    },
  };
}

/**
 * What the share of its own peak that a device reaches is multiplied with for another one of its design: speed goes with
 * the square root of board power there (docs/reference/accuracy.md), whatever the peaks are. 1 where somebody's power is unknown.
 */
export function powerShare(from: CatalogDevice, to: CatalogDevice): number {
  const [was, is] = [from, to].map((device) => device.bfloat16FlopsPerSecond ?? device.float32FlopsPerSecond);
  if (was === undefined || is === undefined || from.watts === undefined || to.watts === undefined) return 1;
  return (was.value / is.value) * Math.sqrt(to.watts.value / from.watts.value);
}

/** Kernels slower or faster than others, by a factor of all speeds that do not follow from memory. */
function scaled(kernels: KernelNumbers, factor: number): KernelNumbers {
  const { products, attention } = kernels;
  const { "64": narrow, "128": middle, "256": wide } = attention.computeShares;
  return {
    products: { ...products, computeShare: products.computeShare * factor },
    attention: {
      ...attention,
      computeShares: { "64": narrow * factor, "128": middle * factor, "256": wide * factor },
    },
  };
}

/** Whose times a device's are, and what its speed is multiplied with, by design and by board power. */
function sourceOf({ devices, generations = {} }: Catalog, name: string) {
  const own = ownValue(devices, name);
  if (own?.kernels !== undefined)
    return { source: "measured", of: name, kernels: own.kernels, speed: 1, power: 1 } as const;
  const generation = own?.generation === undefined ? undefined : ownValue(generations, own.generation);
  // One of its design, where the one that stands for it was not timed.
  const like = Object.entries(devices).find(
    ([each, device]) => each !== name && device.generation === own?.generation && device.kernels !== undefined,
  );
  const isTimed = generation !== undefined && ownValue(devices, generation.reference)?.kernels !== undefined;
  const referenceName = isTimed || like === undefined ? generation?.reference : like[0];
  const reference = referenceName === undefined ? undefined : ownValue(devices, referenceName);
  const factors = {
    speed: generation?.speed?.value ?? 1,
    power: reference === undefined ? 1 : powerShare(reference, own!),
  };
  if (reference?.kernels === undefined)
    return { source: "mean", of: undefined, kernels: undefined, ...factors } as const;
  return { source: "generation", of: referenceName!, kernels: reference.kernels, ...factors } as const;
}

/** What collectives take on a device: as they were timed, else as on one with the same link, at the rate of its own. */
function collectivesOf(own: CatalogDevice | undefined, timed: readonly Timed[]): CollectiveFigures | undefined {
  const link = own?.deviceLink;
  const isSame = (device: Timed): boolean => device === own || device.deviceLink?.name === link?.name;
  const like = timed.filter((device) => device.kernels.collectives !== undefined && isSame(device));
  const from = like.find((device) => device === own) ?? like[0];
  if (link === undefined || from === undefined) return undefined;
  const { lowLatency, highBandwidth } = from.kernels.collectives!;
  const share = link.bytesPerSecond.value / from.deviceLink!.bytesPerSecond.value;
  return {
    lowLatency: { ...lowLatency, bytesPerSecond: lowLatency.bytesPerSecond * share },
    highBandwidth: { ...highBandwidth, bytesPerSecond: highBandwidth.bytesPerSecond * share },
  };
}

/**
 * What kernels take on a device of the catalog: as they were timed, else as on the reference of its generation, else as on
 * all that were timed; inside a generation by board power, but not nearer to the peak by it than any that was timed.
 * Undefined for a catalog without times of kernels.
 */
export function gpuKernels(catalog: Catalog, name: string): GpuKernels | undefined {
  const timed = Object.values(catalog.devices).filter((device): device is Timed => device.kernels !== undefined);
  if (timed.length === 0) return undefined;
  const own = ownValue(catalog.devices, name);
  const { source, of, kernels = meanKernels(timed), speed, power } = sourceOf(catalog, name);
  const best = Math.max(...timed.map((device) => device.kernels.products.computeShare));
  const factor = speed * Math.min(power, Math.max(1, best / (speed * kernels.products.computeShare)));
  const { products, attention } = scaled(kernels, factor);
  const { computeShare, squareTile, memoryShare, seconds, powerLoss } = products;
  const { computeShares, halfSpeedTokens, emptyWave, seconds: attentionSeconds } = attention;
  return {
    products: {
      multiprocessors: own?.multiprocessors?.value ?? MULTIPROCESSORS,
      ...{ computeShare, squareTile, memoryShare, seconds, powerLoss },
    },
    attention: { computeShares, halfSpeedTokens, emptyWave, seconds: attentionSeconds },
    collectives: collectivesOf(own, timed),
    ...{ memoryBoundSpeed: own?.memoryBoundSpeed?.value ?? 1, source, of },
  };
}
