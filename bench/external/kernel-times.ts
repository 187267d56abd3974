import {
  type AttentionTime,
  attentionTime,
  type CollectiveTime,
  fitAttention,
  fitCollectives,
  fitProducts,
  leftOutKernels,
  type ProductTime,
  type TimedGpu,
} from "../../calibration/index.ts";
import { groupBy, InputError, ownValue, sum } from "../../core/index.ts";
import { CATALOG, collectiveSeconds, gpuKernels, productSeconds } from "../../plan/index.ts";
import type { Prediction } from "../../studies/index.ts";
import type { KernelTimes } from "../../workbench/index.ts";
import type { Scored } from "./scored.ts";

/** @throws InputError for a GPU whose figures the catalog lacks */
export function timedGpu(name: string): TimedGpu {
  const device = ownValue(CATALOG.devices, name);
  const { bfloat16FlopsPerSecond: flops, memoryBytesPerSecond: bytes, multiprocessors } = device ?? {};
  if (flops === undefined || bytes === undefined || multiprocessors === undefined)
    throw new InputError({ expected: "a GPU of the catalog with its peaks and multiprocessors", at: "gpu", got: name });
  return {
    peaks: { flopsPerSecond: flops.value, bytesPerSecond: bytes.value },
    multiprocessors: multiprocessors.value,
  };
}

/** Products that training has, and rows that attention's errors are told of. */
const LEAST_ROWS = 256;
const LEAST_TOKENS = 512;
const LEFT_OUT = "all other shapes (a fifth left out)";

/** Widths of a made-up layer's products, relative to its hidden size: q, k and v together; o; gate and up; down. */
const LAYER_PRODUCTS = [1.5, 1, 6, 3] as const;
/** How far a width may be off, as a factor. */
const WIDTH_FACTOR = 2;
const STEP_TOKENS = { least: 512, most: 16_384 } as const;

interface PredictedProduct {
  readonly time: ProductTime;
  readonly predicted: number;
}

/** Products of layers, forward and backward, whose every product was timed: what a step has beside its attention. */
function stepProducts(products: readonly PredictedProduct[]): readonly Prediction[] {
  const known = new Map(products.map((each) => [each.time.shape.join(), each]));
  return [...groupBy(products, ({ time }) => time.shape[0])].flatMap(([m, own]) => {
    if (m < STEP_TOKENS.least || m > STEP_TOKENS.most) return [];
    return [...new Set(own.map(({ time }) => time.shape[2]))].flatMap((hidden): readonly Prediction[] => {
      const both = own.flatMap(({ time: { shape } }): readonly number[] => {
        const [, n, k] = shape;
        return k === hidden && known.has(`${m},${k},${n}`) ? [n] : [];
      });
      const off = (n: number, factor: number): number => Math.abs(Math.log(n / hidden / factor));
      const widths = LAYER_PRODUCTS.map((factor) => both.toSorted((a, b) => off(a, factor) - off(b, factor))[0]);
      if (widths.some((n, place) => n === undefined || off(n, LAYER_PRODUCTS[place]!) > Math.log(WIDTH_FACTOR)))
        return [];
      const step = widths.flatMap((n) => [known.get(`${m},${n},${hidden}`)!, known.get(`${m},${hidden},${n}`)!]);
      return [
        {
          name: `${m} tokens, hidden size ${hidden}, ${widths.join(", ")}`,
          predicted: sum(step.map(({ predicted }) => predicted)),
          measured: sum(step.map(({ time }) => time.seconds)),
        },
      ];
    });
  });
}

/** Products of one model that a person measures on a GPU of their own: these tokens of these widths, both directions. */
const MEASURED = { tokens: [512, 2048, 8192], hidden: 4096, widths: [4096, 8192, 16_384] } as const;

/** What a GPU without times of its own is said to take: kernels of others, and one factor where some were measured. */
function withoutTimes(name: string, times: readonly ProductTime[]): readonly Scored[] {
  const { [name]: timed, ...others } = CATALOG.devices;
  const { kernels: _kernels, ...untimed } = timed!;
  const { products, source } = gpuKernels({ ...CATALOG, devices: { ...others, [name]: untimed } }, name)!;
  const { peaks } = timedGpu(name);
  const rows = times
    .filter(({ shape }) => shape[0] >= LEAST_ROWS)
    .map((time) => ({ time, predicted: productSeconds(products, peaks, time.shape) }));
  const { tokens, hidden, widths } = MEASURED;
  const isMeasured = ({ time: { shape } }: PredictedProduct): boolean => {
    const [m, n, k] = shape;
    const isWidth = (width: number): boolean => widths.some((each) => each === width);
    return tokens.some((each) => each === m) && ((k === hidden && isWidth(n)) || (n === hidden && isWidth(k)));
  };
  const measured = rows.filter(isMeasured);
  const own = fitProducts(
    measured.map(({ time }) => time),
    timedGpu(name),
    products,
  );
  const corrected = rows.map(({ time }) => ({ time, predicted: productSeconds(own, peaks, time.shape) }));
  const about = `products of a step on ${name}`;
  return [
    { model: about, fitted: 0, fitRows: `other GPUs (${source})`, predictions: stepProducts(rows) },
    {
      ...{ model: about, fitted: 5, fitRows: `other GPUs, and ${measured.length} products` },
      predictions: stepProducts(corrected),
    },
  ];
}

function scoreProducts(name: string, times: readonly ProductTime[]): readonly Scored[] {
  const gpu = timedGpu(name);
  const rows = leftOutKernels(
    times,
    ({ shape: [, n, k] }) => [n, k].sort((a, b) => a - b).join(),
    (known) => fitProducts(known, gpu),
    (figures, { shape }) => productSeconds(figures, gpu.peaks, shape),
  ).filter(({ time }) => time.shape[0] >= LEAST_ROWS);
  const predictions = rows.map(({ time, predicted }) => ({
    name: time.shape.join(" x "),
    predicted,
    measured: time.seconds,
  }));
  return [
    { model: `products on ${name}`, fitted: 5, fitRows: LEFT_OUT, predictions },
    { model: `products of a step on ${name}`, fitted: 5, fitRows: LEFT_OUT, predictions: stepProducts(rows) },
    ...withoutTimes(name, times),
  ];
}

function scoreAttention(name: string, times: readonly AttentionTime[]): Scored {
  const gpu = timedGpu(name);
  const rows = leftOutKernels(
    times,
    ({ heads, kvHeads, headDim }) => `${heads} ${kvHeads} ${headDim}`,
    (known) => fitAttention(known, gpu),
    (figures, time) => attentionTime(figures, gpu, time),
  ).filter(({ time }) => time.tokens >= LEAST_TOKENS);
  const predictions = rows.map(({ time, predicted }) => ({
    name: `${time.heads} heads of ${time.headDim}, ${time.batch} rows of ${time.tokens}`,
    ...{ predicted, measured: time.seconds },
  }));
  return { model: `attention on ${name}`, fitted: 6, fitRows: LEFT_OUT, predictions };
}

function scoreCollectives(name: string, times: readonly CollectiveTime[]): Scored {
  const rows = leftOutKernels(
    times,
    ({ collective, bytes }) => `${collective} ${bytes}`,
    (known) => fitCollectives(known),
    (figures, { collective, devices, bytes }) => collectiveSeconds(figures, collective, devices, bytes),
  );
  const predictions = rows.map(({ time, predicted }) => ({
    name: `${time.collective} of ${time.bytes} bytes, ${time.devices} GPUs`,
    ...{ predicted, measured: time.seconds },
  }));
  return { model: `collectives on ${name}`, fitted: 5, fitRows: LEFT_OUT, predictions };
}

/** Scores of the figures that are fitted to each GPU's kernels, of kernels whose shapes were left out. */
export function scoreKernels(gpus: ReadonlyMap<string, KernelTimes>): readonly Scored[] {
  return [...gpus].flatMap(([name, { products, attention, collectives }]) => [
    ...(products.length === 0 ? [] : scoreProducts(name, products)),
    ...(attention.length === 0 ? [] : [scoreAttention(name, attention)]),
    ...(collectives.length === 0 ? [] : [scoreCollectives(name, collectives)]),
  ]);
}
