import { describe, expect, it } from "vitest";
import { drawnSets, type Mixture } from "../../plan/actions/mixed-rows.ts";
import { rowsInOrder } from "../../plan/index.ts";

/** Draws of NumPy, and the rows that interleave_datasets of datasets 5.2.0 took by them of 7, 3 and 5, as set:row. */
const THEIRS = [
  ["first_exhausted", "100022121220", "1:0 0:0 0:1 0:2 2:0 2:1 1:1 2:2 1:2"],
  ["first_exhausted", "202102220002", "2:0 0:0 2:1 1:0 0:1 2:2 2:3 2:4"],
  [
    "all_exhausted",
    "10002212122020202100001110",
    "1:0 0:0 0:1 0:2 2:0 2:1 1:1 2:2 1:2 2:3 2:4 0:3 2:0 0:4 2:1 0:5 2:2 1:0 0:6",
  ],
  ["all_exhausted", "2021022200021200102120", "2:0 0:0 2:1 1:0 0:1 2:2 2:3 2:4 0:2 0:3 0:4 2:0 1:1 2:1 0:5 0:6 1:2"],
] as const;

const NUM_ROWS = [7, 3, 5];

function taken(mixture: Partial<Mixture>, more: object = {}) {
  const numRows = 15;
  const sizes = { tokens: Array.from({ length: numRows }, () => 8), scored: Array.from({ length: numRows }, () => 7) };
  const whole: Mixture = { mix: "concatenate", numRows: NUM_ROWS, weights: [1, 1, 1], ...mixture };
  const job = { name: "j", seed: 1, batchSize: 1, epochs: 1, ...more };
  const rows = rowsInOrder(job, { sizes, numRows, shuffle: true, prompts: [], mixture: whole, ...more }, null);
  return { rows: Array.from(rows.steps, ([row]) => row!), held: rows.evaluation?.rows ?? [] };
}

const count = (rows: readonly number[], from: number, to: number): number =>
  rows.filter((row) => row >= from && row < to).length;

describe("rows of several data sets", () => {
  it.each(THEIRS)("end as those of interleave_datasets do: %s by %s", (stopping, draws, rows) => {
    const drawn = [...draws].map(Number);
    const order = drawnSets(NUM_ROWS, () => drawn.shift()!, stopping);
    const next = [0, 0, 0];
    expect(order.map((set) => `${set}:${next[set]!++ % NUM_ROWS[set]!}`).join(" ")).toBe(rows);
  });

  it("are taken as often as a set weighs, each once before one is again", () => {
    const { rows } = taken({ weights: [2, 1, 0.4] });
    expect([count(rows, 0, 7), count(rows, 7, 10), count(rows, 10, 15)]).toEqual([14, 3, 2]);
    expect(new Set(rows.filter((row) => row < 7)).size).toBe(7);
    const epochs = taken({ weights: [1, 1, 0.4] }, { epochs: 3 }).rows.filter((row) => row >= 10);
    expect([epochs.length, new Set(epochs).size]).toEqual([6, 5]);
  });

  it("are drawn by weights and the seed, the same each time", () => {
    const mixture = { mix: "interleave", weights: [8, 1, 1], stopping: "all_exhausted" } as const;
    const { rows } = taken(mixture);
    expect(rows).toEqual(taken(mixture).rows);
    expect(rows).not.toEqual(taken(mixture, { seed: 2 }).rows);
    expect(new Set(rows).size).toBe(15);
    expect(count(rows, 0, 7)).toBeGreaterThan(rows.length / 2);
  });

  it("come set after set where nothing is shuffled", () => {
    expect(taken({}, { shuffle: false }).rows).toEqual(Array.from({ length: 15 }, (_, row) => row));
  });

  it("are held out of each set", () => {
    const { rows, held } = taken({}, { evaluation: { share: 0.3, everySteps: 1 } });
    expect([count(held, 0, 7), count(held, 7, 10), count(held, 10, 15)]).toEqual([2, 1, 2]);
    expect(rows.some((row) => held.includes(row))).toBe(false);
  });

  it("are too many where a set is hardly ever drawn", () => {
    const mixture = { mix: "interleave", weights: [1e6, 1e-6, 1], stopping: "all_exhausted" } as const;
    expect(() => taken(mixture)).toThrow(/at most \d+ rows of an epoch/);
  });
});
