import { createRng, InputError, type LazyList, lazyList, sum } from "../../core/index.ts";
import { type DataSet, type MixtureData, MOST_ROWS } from "../documents/data.ts";
import type { Job } from "../documents/workload.ts";
import { orderRows, permutation, type RowOrderOptions } from "./order-rows.ts";

export type { DataSet };

export function isMixture(data: Job["data"]): data is MixtureData {
  return "datasets" in data;
}

/** The data sets of a job that are files; none where only lengths are known. */
export function dataSetsOf(data: Job["data"]): readonly DataSet[] {
  if (isMixture(data)) return data.datasets;
  return "lengths" in data ? [] : [data];
}

/** How a job takes the rows of several data sets, which are numbered one set behind another. */
export interface Mixture extends Pick<MixtureData, "mix"> {
  readonly stopping?: NonNullable<MixtureData["stopping"]>;
  /** Rows of each set, held-out ones too. */
  readonly numRows: readonly number[];
  readonly weights: readonly number[];
}

/** The mixture that a job asks for, of sets with so many rows; undefined for a job with one set. */
export function mixtureOf(data: Job["data"], numRows: readonly number[]): Mixture | undefined {
  if (!isMixture(data)) return undefined;
  const { mix, stopping, datasets } = data;
  return {
    mix,
    ...(stopping === undefined ? {} : { stopping }),
    numRows,
    weights: datasets.map(({ weight }) => weight ?? 1),
  };
}

/** By place in an epoch, the set that a row is taken of. */
export type SetOrder = readonly number[];

function tooMany(rows: number): InputError {
  const hint = "Give sets weights that are nearer to each other, or say stopping: first_exhausted.";
  return new InputError({
    ...{ expected: `at most ${MOST_ROWS} rows of an epoch`, at: "data.datasets", got: Math.round(rows), hint },
  });
}

/**
 * Sets as `draw` names them, until one has been used up, or all have: those used up begin anew. The rule is that of
 * `interleave_datasets` with probabilities of Hugging Face's datasets 5.2.
 */
export function drawnSets(
  numRows: readonly number[],
  draw: () => number,
  stopping: NonNullable<Mixture["stopping"]>,
): SetOrder {
  const order: number[] = [];
  const taken = numRows.map(() => 0);
  const left = new Set(numRows.keys());
  while (stopping === "first_exhausted" ? left.size === numRows.length : left.size > 0) {
    const set = draw();
    order.push(set);
    taken[set]! += 1;
    if (taken[set] === numRows[set]) left.delete(set);
    if (order.length > MOST_ROWS) throw tooMany(order.length);
  }
  return order;
}

/** The sets of an epoch: `numRows` that are trained on of each. @throws InputError for too many rows */
export function setsOfEpoch(numRows: readonly number[], mixture: Mixture, seed: number): SetOrder {
  const { mix, weights, stopping = "first_exhausted" } = mixture;
  if (mix === "interleave") {
    const rng = createRng(`${seed}/interleave`);
    const all = sum(weights);
    const draw = (): number => {
      let rest = rng.nextFloat() * all;
      for (const [set, weight] of weights.entries()) {
        rest -= weight;
        if (rest < 0) return set;
      }
      return weights.length - 1;
    };
    // As many are to be expected.
    const [pick, needed] = [
      stopping === "all_exhausted" ? Math.max : Math.min,
      numRows.map((rows, set) => (rows * all) / weights[set]!),
    ];
    if (pick(...needed) > MOST_ROWS) throw tooMany(pick(...needed));
    return drawnSets(numRows, draw, stopping);
  }
  const counts = numRows.map((rows, set) => Math.max(1, Math.round(rows * weights[set]!)));
  if (sum(counts) > MOST_ROWS) throw tooMany(sum(counts));
  return counts.flatMap((count, set) => Array.from({ length: count }, () => set));
}

/**
 * The rows of each optimizer step of a job with several sets: epochs of the same sets, shuffled by the seed. Each set
 * goes on from epoch to epoch, so that all of its rows are taken before one is again.
 * `training`: by set, the rows that are trained on; `order`: the sets of an epoch.
 */
export function orderMixture(
  training: readonly (readonly number[])[],
  order: SetOrder,
  options: RowOrderOptions,
): LazyList<readonly number[]> {
  const { seed, shuffle, batchSize } = options;
  const counts = training.map(() => 0);
  const ranks = order.map((set) => counts[set]!++);
  const rowOf = (epoch: number, place: number): number => {
    const set = order[place]!;
    const own = training[set]!;
    const at = epoch * counts[set]! + ranks[place]!;
    const [pass, within] = [Math.floor(at / own.length), at % own.length];
    return own[shuffle ? permutation(own.length, `${seed}/set/${set}`, pass)[within]! : within]!;
  };
  const places = orderRows(order.length, options);
  return lazyList(places.length, (step) =>
    places.at(step)!.map((place, at) => rowOf(Math.floor((step * batchSize + at) / order.length), place)),
  );
}
