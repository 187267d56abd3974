import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sum } from "../../core/index.ts";
import { cutRows, packMicroBatches } from "../../plan/planner/pack.ts";

const lengths = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 24 });

/** Tokens of each part. */
function partsOf(rows: readonly number[], counts: readonly number[]): readonly number[] {
  let next = 0;
  return counts.map((count) => {
    next += count;
    return sum(rows.slice(next - count, next));
  });
}

describe("cutting a mini-batch", () => {
  test("by rows gives every part as many", () => {
    expect(cutRows([5, 9, 1, 7], { microBatchSize: 2 })).toEqual([2, 2]);
  });

  test("by tokens keeps the bound, in as few parts as the order of the rows allows, and a row that is longer goes alone", () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 900 }), (rows, microBatchTokens) => {
        const counts = cutRows(rows, { microBatchTokens });
        expect(sum(counts)).toBe(rows.length);
        for (const [part, tokens] of partsOf(rows, counts).entries())
          expect(counts[part] === 1 || tokens <= microBatchTokens).toBe(true);
        // Filling each part as far as the bound goes needs as many parts.
        let filled = 1;
        let held = 0;
        for (const row of rows) {
          if (held > 0 && held + row > microBatchTokens) {
            filled += 1;
            held = 0;
          }
          held += row;
        }
        expect(counts.length).toBe(filled);
      }),
    );
  });

  test("by tokens makes the longest part as short as that many parts allow", () => {
    expect(partsOf([60, 50, 10, 10, 10, 10], cutRows([60, 50, 10, 10, 10, 10], { microBatchTokens: 110 }))).toEqual([
      60, 90,
    ]);
    expect(cutRows([100, 100, 100, 100], { microBatchTokens: 350 })).toEqual([2, 2]);
  });

  test("by both keeps both", () => {
    expect(cutRows([10, 10, 10, 10], { microBatchTokens: 1000, microBatchSize: 1 })).toEqual([1, 1, 1, 1]);
    expect(cutRows([10, 10, 90, 10], { microBatchTokens: 100, microBatchSize: 3 })).toEqual([2, 2]);
  });

  test("lets jobs of one group have parts of their own numbers, each row once and in order", () => {
    const rows = (tokens: readonly number[]) => ({
      tokens,
      scored: tokens.map((length) => length - 1),
      digest: null,
      steps: [tokens.map((_, row) => row)],
    });
    const table = packMicroBatches(
      [
        { rows: rows([40, 40, 40]), cut: { microBatchTokens: 50 } },
        { rows: rows([30, 30]), cut: { microBatchSize: 2 } },
      ],
      [[0, 1]],
      false,
    );
    expect(table.map(({ rows: taken }) => taken.map(([job, row]) => `${job}.${row}`))).toEqual([
      ["0.0", "1.0", "1.1"],
      ["0.1"],
      ["0.2"],
    ]);
  });
});
