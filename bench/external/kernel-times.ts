import { z } from "zod";
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
import { groupBy, InputError, median, ownValue, sum } from "../../core/index.ts";
import { CATALOG, type Collective, collectiveSeconds, gpuKernels, productSeconds } from "../../plan/index.ts";
import type { Prediction } from "../../studies/index.ts";
import type { Scored } from "./scored.ts";

const count = z.coerce.number().int().positive();
const common = { gpu: z.string().min(1), ms: z.coerce.number().positive() };
const productSchema = z.object({ ...common, m: count, n: count, k: count });
const attentionSchema = z.object({
  ...common,
  ...{ head_dim: count, heads: count, kv_heads: count, batch: count, tokens: count },
  window: z.coerce.number().int().min(0),
});
const collectiveSchema = z.object({
  ...common,
  framework: z.string(),
  collective: z.string(),
  gpus: count,
  bytes: count,
});

/** A table of kernel times, by the name of the GPU in the catalog; the median of what was timed several times. */
export type KernelTimes =
  | { readonly kind: "products"; readonly gpus: ReadonlyMap<string, readonly ProductTime[]> }
  | { readonly kind: "attention"; readonly gpus: ReadonlyMap<string, readonly AttentionTime[]> }
  | { readonly kind: "collectives"; readonly gpus: ReadonlyMap<string, readonly CollectiveTime[]> };

const SCHEMAS = { products: productSchema, attention: attentionSchema, collectives: collectiveSchema } as const;

function kindOf(text: string): KernelTimes["kind"] | undefined {
  const columns = text.slice(0, text.indexOf("\n")).trim().split(",");
  const kinds = Object.keys(SCHEMAS) as KernelTimes["kind"][];
  return kinds.find((kind) => Object.keys(SCHEMAS[kind].shape).every((column) => columns.includes(column)));
}

/** Whether a CSV file's first line has the columns of a table of kernel times. */
export function hasKernelTimes(text: string): boolean {
  return kindOf(text) !== undefined;
}

/** @throws InputError for a cell that is not what its column is of */
function rowsOf<Row>(text: string, schema: z.ZodType<Row>): readonly Row[] {
  const [heading = "", ...lines] = text.trim().split(/\r?\n/);
  const columns = heading.split(",");
  return lines.map((line, index) => {
    const cells = line.split(",");
    const parsed = schema.safeParse(Object.fromEntries(columns.map((column, i) => [column, cells[i]])));
    if (parsed.success) return parsed.data;
    throw new InputError({ expected: "a row of kernel times", at: `line ${index + 2}`, got: line });
  });
}

/** Rows by GPU; those that are of one kernel become one, of their median. */
function byGpu<Row extends { readonly gpu: string; readonly ms: number }, Time>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  timeOf: (row: Row, seconds: number) => Time,
): ReadonlyMap<string, readonly Time[]> {
  return new Map(
    [...groupBy(rows, ({ gpu }) => gpu)].map(([gpu, own]) => [
      gpu,
      [...groupBy(own, keyOf).values()].map((same) => timeOf(same[0]!, median(same.map(({ ms }) => ms / 1000)))),
    ]),
  );
}

/** Collectives of the library itself, and without a window: what is fitted. @throws InputError for a bad row */
export function readKernelTimes(text: string): KernelTimes {
  const kind = kindOf(text)!;
  switch (kind) {
    case "products": {
      const rows = rowsOf(text, productSchema);
      const gpus = byGpu(
        rows,
        ({ m, n, k }) => `${m} ${n} ${k}`,
        ({ m, n, k }, seconds) => ({ shape: [m, n, k] as const, seconds }),
      );
      return { kind, gpus };
    }
    case "attention": {
      const rows = rowsOf(text, attentionSchema).filter(({ window }) => window === 0);
      const gpus = byGpu(
        rows,
        ({ head_dim, heads, kv_heads, batch, tokens }) => `${head_dim} ${heads} ${kv_heads} ${batch} ${tokens}`,
        ({ head_dim, heads, kv_heads, batch, tokens }, seconds) => ({
          ...{ heads, kvHeads: kv_heads, headDim: head_dim, batch, tokens, seconds },
        }),
      );
      return { kind, gpus };
    }
    case "collectives": {
      const rows = rowsOf(text, collectiveSchema).filter(({ framework }) => framework === "NCCL");
      const named = (name: string): Collective =>
        name.replace("alltoall", "all-to-all").replace("_", "-") as Collective;
      const gpus = byGpu(
        rows,
        ({ collective, gpus: devices, bytes }) => `${collective} ${devices} ${bytes}`,
        ({ collective, gpus: devices, bytes }, seconds) => ({ collective: named(collective), devices, bytes, seconds }),
      );
      return { kind, gpus };
    }
  }
}

/** @throws InputError for a GPU whose figures the catalog lacks */
function timedGpu(name: string): TimedGpu {
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

/** Scores of the figures that are fitted to each GPU's kernels, of kernels whose shapes were left out. */
export function scoreKernels(times: KernelTimes): readonly Scored[] {
  const fitRows = "all other shapes (a fifth left out)";
  switch (times.kind) {
    case "products":
      return [...times.gpus].flatMap(([name, own]) => {
        const gpu = timedGpu(name);
        const rows = leftOutKernels(
          own,
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
          { model: `products on ${name}`, fitted: 5, fitRows, predictions },
          { model: `products of a step on ${name}`, fitted: 5, fitRows, predictions: stepProducts(rows) },
          ...withoutTimes(name, own),
        ];
      });
    case "attention":
      return [...times.gpus].map(([name, own]) => {
        const gpu = timedGpu(name);
        const rows = leftOutKernels(
          own,
          ({ heads, kvHeads, headDim }) => `${heads} ${kvHeads} ${headDim}`,
          (known) => fitAttention(known, gpu),
          (figures, time) => attentionTime(figures, gpu, time),
        ).filter(({ time }) => time.tokens >= LEAST_TOKENS);
        const predictions = rows.map(({ time, predicted }) => ({
          name: `${time.heads} heads of ${time.headDim}, ${time.batch} rows of ${time.tokens}`,
          ...{ predicted, measured: time.seconds },
        }));
        return { model: `attention on ${name}`, fitted: 6, fitRows, predictions };
      });
    case "collectives":
      return [...times.gpus].map(([name, own]) => {
        const rows = leftOutKernels(
          own,
          ({ collective, bytes }) => `${collective} ${bytes}`,
          fitCollectives,
          (figures, { collective, devices, bytes }) => collectiveSeconds(figures, collective, devices, bytes),
        );
        const predictions = rows.map(({ time, predicted }) => ({
          name: `${time.collective} of ${time.bytes} bytes, ${time.devices} GPUs`,
          ...{ predicted, measured: time.seconds },
        }));
        return { model: `collectives on ${name}`, fitted: 5, fitRows, predictions };
      });
  }
}
