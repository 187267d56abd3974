import { maximum, mean, sum } from "../../core/index.ts";
import { type Architecture, cutRows, type Projection } from "../../plan/index.ts";
import type { MicroBatchSize, StepSums } from "../observations/training-step.ts";

/** Steps of one job. */
export interface StepWork {
  readonly architecture: Architecture;
  /** Of its adapters, in all layers. */
  readonly trainedParameters: number;
  /** Projections with adapters. */
  readonly targets: readonly Projection[];
  /** Tokens of each row, step by step: some steps that stand for all. */
  readonly steps: readonly (readonly number[])[];
  /** Of the longest row that may come. */
  readonly longestRow: number;
}

/** What one of the accelerators that share rows does in a step. */
export interface CopyRows extends StepSums {
  readonly sizes: readonly MicroBatchSize[];
}

function sizeOf(rows: readonly number[]): MicroBatchSize {
  return { tokens: sum(rows), pairs: sum(rows.map((tokens) => tokens ** 2)) };
}

const isLarger = (a: MicroBatchSize, b: MicroBatchSize): boolean =>
  a.tokens > b.tokens || (a.tokens === b.tokens && a.pairs > b.pairs);

/** Rows in their order, as few micro-batches of whole rows as `most` tokens allow: as the executor cuts them. */
function copyRows(rows: readonly number[], most: number): CopyRows {
  const sizes: MicroBatchSize[] = [];
  let next = 0;
  for (const count of cutRows(rows, { microBatchTokens: most })) {
    sizes.push(sizeOf(rows.slice(next, next + count)));
    next += count;
  }
  return {
    sizes,
    microBatches: sizes.length,
    tokens: sum(sizes.map(({ tokens }) => tokens)),
    pairs: sum(sizes.map(({ pairs }) => pairs)),
    largest: sizes.reduce((a, b) => (isLarger(b, a) ? b : a)),
  };
}

/** Each row goes to the next of so many: whose rows these are, of those that have some. */
function dealt(rows: readonly number[], copies: number): readonly (readonly number[])[] {
  const hands: number[][] = Array.from({ length: Math.min(copies, rows.length) }, () => []);
  rows.forEach((row, place) => {
    hands[place % copies]!.push(row);
  });
  return hands;
}

/** Steps of jobs of one base model that train together: a step of each of them at a time, as rows. */
export class DealtRows {
  readonly works: readonly StepWork[];
  /** Tokens of a step on average. */
  readonly tokens: number;
  readonly longestRow: number;
  /** Rows of the step with the most. */
  readonly mostRows: number;
  readonly #steps: readonly (readonly number[])[];
  readonly #most = new Map<string, number>();
  readonly #dealt = new Map<string, readonly (readonly CopyRows[])[]>();

  /** Steps of one job that is there twice are not the same ones. */
  constructor(works: readonly StepWork[]) {
    const count = maximum(works.map(({ steps }) => steps.length));
    const twins = works.map((work, place) => works.slice(0, place).filter((other) => other === work).length);
    this.works = works;
    this.#steps = Array.from({ length: count }, (_, step) =>
      works.flatMap(({ steps }, place) => steps[(step + twins[place]!) % steps.length]!),
    );
    this.tokens = mean(this.#steps.map(sum));
    this.longestRow = maximum(works.map(({ longestRow }) => longestRow));
    this.mostRows = maximum(this.#steps.map(({ length }) => length));
  }

  /** Step by step, what each of so many copies of the model does, with so many tokens of a micro-batch at most. */
  copies(dataParallel: number, microTokens: number): readonly (readonly CopyRows[])[] {
    const key = `${dataParallel} ${microTokens}`;
    const known = this.#dealt.get(key);
    if (known !== undefined) return known;
    const all = this.#steps.map((rows) => dealt(rows, dataParallel).map((own) => copyRows(own, microTokens)));
    this.#dealt.set(key, all);
    return all;
  }

  /** Tokens of the largest micro-batch of any copy. */
  largestTokens(dataParallel: number, microTokens: number): number {
    return maximum(
      this.copies(dataParallel, microTokens).flatMap((copies) => copies.map(({ largest }) => largest.tokens)),
    );
  }

  /** Micro-batches of the copy that has the most of them. */
  mostMicroBatches(dataParallel: number, microTokens: number): number {
    const key = `${dataParallel} ${microTokens}`;
    const known = this.#most.get(key);
    if (known !== undefined) return known;
    let most = 0;
    for (const copies of this.copies(dataParallel, microTokens))
      for (const { microBatches } of copies) most = Math.max(most, microBatches);
    this.#most.set(key, most);
    return most;
  }
}
