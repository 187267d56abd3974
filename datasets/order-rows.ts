import { createRng, InputError } from "../core/index.ts";

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
function permutation(numRows: number, seed: number | string, epoch: number): Int32Array<ArrayBuffer> {
  const order = Int32Array.from({ length: numRows }, (_, index) => index);
  const rng = createRng(`${seed}/epoch/${epoch}`);
  for (let last = numRows - 1; last > 0; last -= 1) {
    const other = rng.nextInt(last + 1);
    const kept = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = kept;
  }
  return order;
}

/**
 * The rows of each optimizer step, `batchSize` indices a step. Epochs follow each other without a gap: a mini-batch
 * that an epoch cannot fill goes on with the first rows of the next one. Unshuffled rows are taken in order and wrap.
 * @throws InputError unless there are rows and exactly one of steps and epochs
 */
export function orderRows(numRows: number, options: RowOrderOptions): readonly Int32Array[] {
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
  const inOrder = Int32Array.from({ length: numRows }, (_, index) => index);
  let epoch = -1;
  let order = new Int32Array(0);
  let taken = 0;
  return Array.from({ length: steps }, () =>
    Int32Array.from({ length: batchSize }, () => {
      if (taken === order.length) {
        epoch += 1;
        taken = 0;
        order = shuffle ? permutation(numRows, seed, epoch) : inOrder;
      }
      const row = order[taken] ?? 0;
      taken += 1;
      return row;
    }),
  );
}
