import {
  attentionTime,
  fitAttention,
  fitCollectives,
  fitProducts,
  type ProductTime,
  type TimedGpu,
} from "../../calibration/index.ts";
import { counted, groupBy, InputError, median, ownValue, sum } from "../../core/index.ts";
import { type Context, readInput } from "../../files/index.ts";
import {
  type Catalog,
  collectiveSeconds,
  deviceCalibration,
  type KernelFigures,
  type LayersCalibration,
  productSeconds,
  requireDeviceName,
} from "../../plan/index.ts";
import { type KernelTimes, readKernelTimes } from "./kernel-tables.ts";

/** What was fitted to kernels of one kind: how many times, and how far off they are, without sign. */
export interface KernelFit {
  readonly kernel: "products" | "attention" | "collectives";
  readonly times: number;
  /** Of the figures that the catalog has. */
  readonly medianErrorBefore: number | undefined;
  readonly medianError: number;
}

/** A GPU's costs with kernels that were timed on it. */
export interface KernelCalibration {
  readonly calibration: LayersCalibration;
  readonly fits: readonly KernelFit[];
}

/** Of a layer's passes beside its kernels: the worst of three models, each predicted from the other two. */
const LAYERS_ERROR = 0.06;

/** Names as CUDA has them, of GPUs that the catalog calls something else. */
const CUDA_NAMES: Readonly<Record<string, string>> = {
  "A100-SXM4-40GB": "A100 SXM 40",
  "A100-SXM4-80GB": "A100 SXM 80",
  "A100-PCIE-40GB": "A100 PCIe 40",
  "A100 80GB PCIe": "A100 PCIe 80",
  "H100 80GB HBM3": "H100 SXM",
  H200: "H200 SXM",
  B200: "B200 SXM",
  "RTX PRO 6000 Blackwell Workstation Edition": "RTX PRO 6000",
  "RTX PRO 6000 Blackwell Server Edition": "RTX PRO 6000",
};

/** The GPU of the catalog that a name means, as CUDA or the catalog has it. */
function catalogName({ devices }: Catalog, given: string): string | undefined {
  const words = given.replace(/^NVIDIA /, "").replace(/^GeForce /, "");
  return [given, words, ownValue(CUDA_NAMES, words)].find((name) => name !== undefined && Object.hasOwn(devices, name));
}

/** A part of the sheet's peak that nothing reaches; and how much longer than the catalog's times are hard to believe. */
const BEYOND_PEAK = 1.1;
const HARDLY = 4;

/** @throws InputError for a product that is faster than the sheet's peak */
function checkProducts(products: readonly ProductTime[], name: string, flopsPerSecond: number): void {
  for (const { shape, seconds } of products) {
    const [m, n, k] = shape;
    const rate = (2 * m * n * k) / seconds;
    if (rate > BEYOND_PEAK * flopsPerSecond)
      throw new InputError({
        expected: `times of products on ${name}, whose peak is ${flopsPerSecond / 1e12} TFLOP/s`,
        at: `m ${m}, n ${n}, k ${k}`,
        got: `${(rate / 1e12).toPrecision(4)} TFLOP/s`,
        hint: "Times are in milliseconds, and of the GPU of --to.",
      });
  }
}

/** The times of one GPU from all files. @throws InputError where they are of several GPUs, or of one that nobody knows */
function timesOf(
  context: Context,
  catalog: Catalog,
  files: readonly string[],
  to: string | undefined,
): { readonly name: string; readonly times: readonly KernelTimes[] } {
  const tables = files.flatMap((given) => {
    const { text, file } = readInput(context, given, "a table of kernel times");
    return [...readKernelTimes(text, file)];
  });
  const named = groupBy(tables, ([gpu]) => gpu);
  const known = [...named.keys()].map((gpu) => [gpu, catalogName(catalog, gpu)] as const);
  // A table of many GPUs has the rows of the one that is asked for.
  const own = to === undefined ? undefined : known.find(([, name]) => name === to)?.[0];
  const other = to === undefined || own !== undefined ? undefined : known.find(([, name]) => name !== undefined);
  if (other !== undefined)
    throw new InputError({ expected: `times of ${to}`, at: "--to", got: `those of ${[...named.keys()].join(", ")}` });
  const chosen = own ?? (named.size === 1 ? [...named.keys()][0]! : undefined);
  const name = to ?? known.find(([gpu]) => gpu === chosen)?.[1];
  if (chosen === undefined || name === undefined)
    throw new InputError({
      expected: "the GPU of the catalog that the times are of",
      at: "--to",
      got: to ?? [...named.keys()].map((gpu) => (gpu === "" ? "none" : gpu)).join(", "),
      hint: "--to names one: `loratwin catalog` lists all. --catalog FILE adds others.",
    });
  return { name, times: named.get(chosen)!.map(([, times]) => times) };
}

/** All times of kernels of a GPU, and what they are predicted with. */
interface TimedKernels extends KernelTimes {
  readonly gpu: TimedGpu;
}

function fittedFigures({ products, attention, collectives, gpu }: TimedKernels, before: KernelFigures): KernelFigures {
  return {
    ...before,
    ...(products.length === 0 ? {} : { products: fitProducts(products, gpu, before.products) }),
    ...(attention.length === 0 ? {} : { attention: fitAttention(attention, gpu, before.attention) }),
    ...(collectives.length === 0 ? {} : { collectives: fitCollectives(collectives, before.collectives) }),
  };
}

/**
 * The figures with kinds that nobody has timed as training has them where it reaches so much of the speed of bursts:
 * those of the catalog are bursts, beside times under full load that lose nothing.
 */
function untimedSlower(
  figures: KernelFigures,
  { products: timedProducts, attention: timedAttention }: KernelTimes,
  sustained: number,
): KernelFigures {
  const { products, attention } = figures;
  const { "64": narrow, "128": middle, "256": wide } = attention.computeShares;
  const slowerProducts = {
    ...products,
    computeShare: sustained * products.computeShare,
    memoryShare: sustained * products.memoryShare,
    seconds: products.seconds / sustained,
  };
  const slowerAttention = {
    ...attention,
    computeShares: { "64": sustained * narrow, "128": sustained * middle, "256": sustained * wide },
    seconds: attention.seconds / sustained,
  };
  return {
    ...figures,
    products: timedProducts.length === 0 ? slowerProducts : products,
    attention: timedAttention.length === 0 ? slowerAttention : attention,
  };
}

/** How far off the figures are of each kind that was timed: the median, without sign. */
function errorsOf({ products, attention, collectives, gpu }: TimedKernels, figures: KernelFigures) {
  const off = <Time extends { readonly seconds: number }>(times: readonly Time[], of: (time: Time) => number) =>
    times.length === 0 ? undefined : median(times.map((time) => Math.abs(of(time) / time.seconds - 1)));
  const { collectives: links } = figures;
  return {
    products: off(products, ({ shape }) => productSeconds(figures.products, gpu.peaks, shape)),
    attention: off(attention, (time) => attentionTime(figures.attention, gpu, time)),
    collectives:
      links && off(collectives, (time) => collectiveSeconds(links, time.collective, time.devices, time.bytes)),
  };
}

/** Warns of products that take several times as long as a GPU of that name takes, or a fraction of it. */
function warnUnlikely(context: Context, name: string, { products, gpu }: TimedKernels, before: KernelFigures): void {
  if (products.length === 0) return;
  const longer = median(
    products.map(({ shape, seconds }) => seconds / productSeconds(before.products, gpu.peaks, shape)),
  );
  if (longer <= HARDLY && longer >= 1 / HARDLY) return;
  const times = longer < 10 ? longer.toPrecision(2) : `${Math.round(longer)}`;
  context.warn(`products take ${times} times what the catalog says of ${name}: are they its, and in milliseconds?`);
}

/**
 * Costs of layers on a GPU whose kernels somebody has timed, around what the catalog says of it: what the times do not
 * say stays as it is there. Times that were held at full load stand for training; bursts lose what the catalog says.
 * `to`: its name in the catalog, where the tables have another one.
 * @throws InputError for a table that is none, times of several GPUs, or a GPU without peaks in the catalog
 */
export function kernelCalibration(
  context: Context,
  catalog: Catalog,
  files: readonly string[],
  to: string | undefined,
): KernelCalibration {
  if (files.length === 0)
    throw new InputError({ expected: "a table of kernel times, or several", at: "--from", got: "none" });
  const { name, times } = timesOf(
    context,
    catalog,
    files,
    to === undefined ? undefined : requireDeviceName(catalog, to, "--to"),
  );
  const base = deviceCalibration(catalog, name, "bfloat16");
  const device = ownValue(catalog.devices, name)!;
  const { bfloat16FlopsPerSecond: flops, memoryBytesPerSecond: bytes } = device;
  const figures = base.kernels?.[name];
  if (device.kind !== "cuda" || flops === undefined || bytes === undefined || figures === undefined)
    throw new InputError({ expected: "a GPU with bfloat16 peaks and its memory's rate", at: "--to", got: name });
  const peaks = { flopsPerSecond: flops.value, bytesPerSecond: bytes.value };
  const timed: TimedKernels = {
    products: times.flatMap((each) => each.products),
    attention: times.flatMap((each) => each.attention),
    collectives: times.flatMap((each) => each.collectives),
    isHeld: times.every((each) => each.isHeld),
    gpu: { peaks, multiprocessors: figures.products.multiprocessors },
  };
  checkProducts(timed.products, name, flops.value);
  warnUnlikely(context, name, timed, figures);
  const fitted = fittedFigures(timed, figures);
  const [was, is] = [errorsOf(timed, figures), errorsOf(timed, fitted)];
  const fits = (["products", "attention", "collectives"] as const).flatMap((kernel): readonly KernelFit[] =>
    timed[kernel].length === 0
      ? []
      : [{ kernel, times: timed[kernel].length, medianErrorBefore: was[kernel], medianError: is[kernel]! }],
  );
  const count = counted(sum(fits.map((fit) => fit.times)), "kernel");
  // Of many products some are off the other way.
  const kernelError = is.products === undefined ? base.meanError : is.products / 2;
  return {
    fits,
    calibration: {
      ...base,
      source: `${count} timed on ${name}${timed.isHeld ? " at full load" : ""}; for the rest ${base.source}`,
      ...(timed.isHeld ? { computeEfficiency: 1 } : {}),
      kernels: { [name]: timed.isHeld ? untimedSlower(fitted, timed, base.computeEfficiency) : fitted },
      meanError: Math.hypot(LAYERS_ERROR, kernelError),
    },
  };
}
