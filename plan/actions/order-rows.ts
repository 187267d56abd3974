import { createRng, InputError, type LazyList, lazyList } from "../../core/index.ts";

export interface RowOrderOptions {
  readonly seed: number | string;
  readonly shuffle: boolean;
  /** Sequences in a mini-batch. */
  readonly batchSize: number;
  /** Optimizer steps; or `epochs`, one of the two. */
  readonly steps?: number;
  /** Passes over the rows; rounded up to whole mini-batches. */
  readonly epochs?: number;
}

function positive(value: number, at: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InputError({ expected: "a positive whole number", at, got: value });
}

/**
 * One epoch's permutation: Fisher-Yates from the last place down, on xoshiro128** seeded with the text
 * `<seed>/epoch/<epoch>`, so that any epoch is known without those before it.
 */
function drawnPermutation(numRows: number, seed: number | string, epoch: number): Int32Array<ArrayBuffer> {
  const order = new Int32Array(numRows);
  for (let row = 0; row < numRows; row += 1) order[row] = row;
  const rng = createRng(`${seed}/epoch/${epoch}`);
  for (let last = numRows - 1; last > 0; last -= 1) {
    const other = rng.nextInt(last + 1);
    const kept = order[last]!;
    order[last] = order[other]!;
    order[other] = kept;
  }
  return order;
}

/** Rows of all permutations that are kept: 16 MiB. A job that trains asks for the same one step by step. */
const MOST_KEPT = 2 ** 22;

/** The permutations that were asked for last, by what they follow from, the oldest first. */
const kept = new Map<string, Int32Array<ArrayBuffer>>();
let numKept = 0;
/** Step by step it is the same one. */
let newest = { numRows: 0, seed: 0 as number | string, epoch: 0, order: new Int32Array(0) };

/** The same, kept for who asks again. */
export function permutation(numRows: number, seed: number | string, epoch: number): Int32Array<ArrayBuffer> {
  if (newest.numRows === numRows && newest.seed === seed && newest.epoch === epoch) return newest.order;
  const key = `${numRows} ${seed}/epoch/${epoch}`;
  const order = kept.get(key) ?? drawnPermutation(numRows, seed, epoch);
  // The newest is the last.
  if (kept.delete(key)) numKept -= numRows;
  kept.set(key, order);
  numKept += numRows;
  for (const [oldest, { length }] of kept) {
    if (numKept <= MOST_KEPT || oldest === key) break;
    kept.delete(oldest);
    numKept -= length;
  }
  newest = { numRows, seed, epoch, order };
  return order;
}

/**
 * The rows of each optimizer step, `batchSize` indices a step, found when they are asked for. Epochs follow each other
 * without a gap: a mini-batch that an epoch cannot fill goes on with the first rows of the next one. Unshuffled rows are
 * taken in order and wrap.
 * @throws InputError unless there are rows and exactly one of steps and epochs
 */
export function orderRows(numRows: number, options: RowOrderOptions): LazyList<readonly number[]> {
  const { seed, shuffle } = options;
  positive(numRows, "rows");
  const batchSize = positive(options.batchSize, "batchSize");
  if ((options.steps === undefined) === (options.epochs === undefined)) {
    throw new InputError({
      expected: "exactly one of steps and epochs",
      got: { steps: options.steps, epochs: options.epochs },
    });
  }
  const steps =
    options.epochs === undefined
      ? positive(options.steps ?? 0, "steps")
      : Math.ceil((numRows * positive(options.epochs, "epochs")) / batchSize);
  return lazyList(steps, (step) => {
    const rows = new Array<number>(batchSize);
    let epoch = Math.floor((step * batchSize) / numRows);
    let place = step * batchSize - epoch * numRows;
    let order = shuffle ? permutation(numRows, seed, epoch) : undefined;
    for (let at = 0; at < batchSize; at += 1) {
      if (place === numRows) {
        [epoch, place] = [epoch + 1, 0];
        order &&= permutation(numRows, seed, epoch);
      }
      rows[at] = order?.[place] ?? place;
      place += 1;
    }
    return rows;
  });
}
