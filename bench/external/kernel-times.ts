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
import { groupBy, InputError, median, ownValue } from "../../core/index.ts";
import { CATALOG, type Collective, collectiveSeconds, productSeconds } from "../../plan/index.ts";
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

/** Scores of the figures that are fitted to each GPU's kernels, of kernels whose shapes were left out. */
export function scoreKernels(times: KernelTimes): readonly Scored[] {
  const fitRows = "all other shapes (a fifth left out)";
  switch (times.kind) {
    case "products":
      return [...times.gpus].map(([name, own]) => {
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
        return { model: `products on ${name}`, fitted: 5, fitRows, predictions };
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
