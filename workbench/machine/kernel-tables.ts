import type { AttentionTime, CollectiveTime, ProductTime } from "../../calibration/index.ts";
import { groupBy, InputError, median, ownValue } from "../../core/index.ts";
import { type CsvRow, csvRows } from "../../datasets/index.ts";
import type { Collective } from "../../plan/index.ts";

/** What a GPU took for single kernels: of each kind, the median of what was timed several times. */
export interface KernelTimes {
  readonly products: readonly ProductTime[];
  readonly attention: readonly AttentionTime[];
  readonly collectives: readonly CollectiveTime[];
  /** All of them were held at full load, as training is, and not timed in bursts of milliseconds. */
  readonly isHeld: boolean;
}

/** The columns of each kind of time; a row has those of its kind, and may have others. */
const PRODUCT = ["m", "n", "k", "ms"] as const;
const ATTENTION = ["head_dim", "heads", "kv_heads", "batch", "tokens", "ms"] as const;
const COLLECTIVE = ["collective", "gpus", "bytes", "ms"] as const;

/** Columns of a profile of Vidur's: medians of a layer's products, in milliseconds. */
const VIDUR = {
  sizes: ["n_head", "n_kv_head", "n_embd", "n_expanded_embd", "num_tokens", "num_tensor_parallel_workers"],
  products: ["attn_pre_proj", "attn_post_proj", "mlp_up_proj", "mlp_down_proj"],
} as const;
const vidurColumn = (product: string): string => `time_stats.${product}.median`;

/** Whether the first line of a text has the columns of a table of kernel times. */
export function hasKernelTimes(text: string): boolean {
  const columns = new Set(text.slice(0, text.indexOf("\n")).trim().split(","));
  const hasAll = (names: readonly string[]): boolean => names.every((name) => columns.has(name));
  return [PRODUCT, ATTENTION, COLLECTIVE, [...VIDUR.sizes, ...VIDUR.products.map(vidurColumn)]].some(hasAll);
}

/** A quarter of an hour: no kernel takes that long. */
const MOST_MS = 1e6;

/** A cell as a positive number. @throws InputError for another one */
function positive({ cells, line }: CsvRow, column: string, file: string, isWhole: boolean): number {
  const text = cells[column] ?? "";
  const value = Number(text);
  if (text !== "" && value > 0 && (isWhole ? Number.isSafeInteger(value) : value <= MOST_MS)) return value;
  const expected = isWhole ? "a positive whole number" : `milliseconds, above 0 and at most ${MOST_MS}`;
  throw new InputError({ expected, file, line, at: column, got: text });
}

/** Whether a row was timed under full load. @throws InputError for anything but 0 and 1 */
function heldOf({ cells, line }: CsvRow, file: string): boolean {
  const held = cells["held"] ?? "";
  if (held !== "" && held !== "0" && held !== "1")
    throw new InputError({ expected: "0 or 1", file, line, at: "held", got: held });
  return held === "1";
}

const COLLECTIVES: Readonly<Record<string, Collective>> = {
  all_reduce: "all-reduce",
  all_gather: "all-gather",
  reduce_scatter: "reduce-scatter",
  alltoall: "all-to-all",
};

/** Times of one kernel become one. */
function merged<Time extends { readonly seconds: number }>(times: readonly Time[]): readonly Time[] {
  const same = groupBy(times, ({ seconds: _, ...kernel }) => JSON.stringify(kernel));
  return [...same.values()].map((own) => ({ ...own[0]!, seconds: median(own.map(({ seconds }) => seconds)) }));
}

/** Products of one of Vidur's rows. */
function vidurProducts(row: CsvRow, file: string): readonly ProductTime[] {
  const [heads, kvHeads, hidden, inner, tokens, split] = VIDUR.sizes.map((column) => positive(row, column, file, true));
  const gates = row.cells["use_gated_mlp"] === "False" ? 1 : 2;
  const share = (size: number): number => Math.ceil(size / split!);
  const width = hidden! / heads!;
  const shapes: readonly (readonly [outputs: number, inputs: number])[] = [
    [(share(heads!) + 2 * share(kvHeads!)) * width, hidden!],
    [hidden!, share(hidden!)],
    [gates * share(inner!), hidden!],
    [hidden!, share(inner!)],
  ];
  return VIDUR.products.map((product, place) => ({
    shape: [tokens!, ...shapes[place]!],
    seconds: positive(row, vidurColumn(product), file, false) / 1000,
  }));
}

/**
 * A table of kernel times, by the GPU that it names; "" where it names none. Collectives of the library itself and
 * attention without a window: what figures are fitted to. Times are in milliseconds there; a row whose `held` is 1 was
 * timed under full load.
 * @throws InputError for a cell that is no number, a collective that nobody knows, or a table of something else
 */
export function readKernelTimes(text: string, file: string): ReadonlyMap<string, KernelTimes> {
  if (!hasKernelTimes(text))
    throw new InputError({
      expected: `a table of kernel times (CSV) with the columns ${PRODUCT.join(", ")} or those of attention or collectives`,
      file,
      got: text.slice(0, text.indexOf("\n")).slice(0, 200),
    });
  const rows = csvRows(text, file);
  if (rows.length === 0) throw new InputError({ expected: "rows of kernel times", file, got: "a header alone" });
  return new Map(
    [...groupBy(rows, ({ cells }) => cells["gpu"] ?? "")].map(([gpu, own]) => {
      const has = ({ cells }: CsvRow, columns: readonly string[]): boolean =>
        columns.every((column) => (cells[column] ?? "") !== "");
      const products: ProductTime[] = [];
      const attention: AttentionTime[] = [];
      const collectives: CollectiveTime[] = [];
      for (const row of own) {
        const count = (column: string): number => positive(row, column, file, true);
        const seconds = (): number => positive(row, "ms", file, false) / 1000;
        const { cells, line } = row;
        if (has(row, VIDUR.sizes)) products.push(...vidurProducts(row, file));
        else if (has(row, PRODUCT)) products.push({ shape: [count("m"), count("n"), count("k")], seconds: seconds() });
        else if (has(row, ATTENTION)) {
          if ((cells["window"] ?? "0") !== "0") continue;
          const [heads, kvHeads] = [count("heads"), count("kv_heads")];
          if (heads % kvHeads !== 0)
            throw new InputError({ expected: `a divisor of ${heads} heads`, file, line, at: "kv_heads", got: kvHeads });
          attention.push({
            ...{ heads, kvHeads, headDim: count("head_dim") },
            ...{ batch: count("batch"), tokens: count("tokens"), seconds: seconds() },
          });
        } else if (has(row, COLLECTIVE)) {
          if ((cells["framework"] ?? "NCCL") !== "NCCL") continue;
          const collective = ownValue(COLLECTIVES, cells["collective"]!);
          if (collective === undefined)
            throw new InputError({
              expected: Object.keys(COLLECTIVES).join(", "),
              ...{ file, line, at: "collective", got: cells["collective"] },
            });
          collectives.push({ collective, devices: count("gpus"), bytes: count("bytes"), seconds: seconds() });
        } else throw new InputError({ expected: "a row of kernel times", file, line, got: JSON.stringify(cells) });
      }
      const isHeld = own.every((row) => heldOf(row, file));
      const times = { products: merged(products), attention: merged(attention), collectives: merged(collectives) };
      return [gpu, { ...times, isHeld }];
    }),
  );
}
