import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sum } from "../../../core/index.ts";
import { silent } from "../../../files/index.ts";
import {
  balancedGroups,
  betterPacking,
  leastLongest,
  longestOf,
  type Packing,
  type PackingProblem,
  packGreedily,
  packingModel,
  packMiniBatch,
  withBetterPackings,
} from "../../../plan/index.ts";
import { solvePacking } from "../../../workbench/predict/solve-packing.ts";
import { solvePackings } from "../../../workbench/predict/solve-packings.ts";

const problems = (most: number) =>
  fc
    .array(fc.integer({ min: 1, max: 512 }), { minLength: 1, maxLength: most })
    .chain((lengths) =>
      fc.record({ lengths: fc.constant(lengths), capacity: fc.integer({ min: Math.max(...lengths), max: 1024 }) }),
    );

function expectWhole({ lengths, capacity }: PackingProblem, packing: Packing): void {
  expect(packing.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, row) => row));
  for (const rows of packing) {
    expect(sum(rows.map((row) => lengths[row]!))).toBeLessThanOrEqual(capacity);
    expect([...rows].sort((a, b) => a - b)).toEqual(rows);
  }
}

/** The fewest micro-batches, and the shortest longest one of so many, of all packings. */
function best({ lengths, capacity }: PackingProblem): readonly [count: number, longest: number] {
  const found = new Map<number, number>();
  const go = (row: number, tokens: readonly number[]): void => {
    if (row === lengths.length) {
      const longest = Math.max(...tokens);
      found.set(tokens.length, Math.min(found.get(tokens.length) ?? Number.POSITIVE_INFINITY, longest));
      return;
    }
    for (let at = 0; at <= tokens.length; at += 1) {
      const next = tokens.length === at ? [...tokens, 0] : [...tokens];
      next[at]! += lengths[row]!;
      if (next[at]! <= capacity) go(row + 1, next);
    }
  };
  go(0, []);
  const count = Math.min(...found.keys());
  return [count, found.get(count)!];
}

describe("packing rows", () => {
  it("holds every row once, in micro-batches with room for it", () => {
    fc.assert(
      fc.property(problems(60), (problem) => {
        const packing = packGreedily(problem);
        expectWhole(problem, packing);
        expect(longestOf(problem, packing)).toBeGreaterThanOrEqual(leastLongest(problem, packing.length));
      }),
      { numRuns: 300 },
    );
    expect(packGreedily({ lengths: [], capacity: 5 })).toEqual([]);
  });

  it("is near the best of all packings", () => {
    let excess = 0;
    let more = 0;
    const numRuns = 150;
    fc.assert(
      fc.property(problems(8), (problem) => {
        const [count, longest] = best(problem);
        const packing = packGreedily(problem);
        more += packing.length - count;
        if (packing.length === count) excess += longestOf(problem, packing) / longest - 1;
      }),
      { numRuns, seed: 1 },
    );
    expect(more).toBe(0);
    expect(excess / numRuns).toBeLessThan(0.01);
  });

  it("exchanges rows where the longest first are not even", () => {
    // The longest first give 5 + 3 + 3 and 4 + 3: the best is 5 + 4 and 3 + 3 + 3.
    const problem = { lengths: [3, 3, 3, 4, 5], capacity: 12 };
    expect(longestOf(problem, packGreedily(problem))).toBe(9);
  });

  it("fits rows to the brim where evening out needs a micro-batch more", () => {
    // 131 tokens need six micro-batches of 23. Rows that are spread out and exchanged fit into seven.
    const problem = { lengths: [8, 14, 5, 8, 20, 18, 4, 12, 6, 21, 15], capacity: 23 };
    expect(packGreedily(problem)).toHaveLength(6);
  });

  it("shares a mini-batch between jobs, and jobs between groups", () => {
    const parts = packMiniBatch(
      {
        members: [
          {
            job: 4,
            rows: [
              [0, 0, 6, 5],
              [0, 1, 2, 1],
            ],
          },
          {
            job: 7,
            rows: [
              [0, 9, 4, 3],
              [0, 8, 4, 3],
            ],
          },
        ],
        capacity: 8,
      },
      packGreedily,
    );
    expect(parts).toEqual([
      [
        [4, 0, 6, 5],
        [4, 1, 2, 1],
      ],
      [
        [7, 9, 4, 3],
        [7, 8, 4, 3],
      ],
    ]);
    expect(balancedGroups([5, 1, 4, 2], 2)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(balancedGroups([5, 1], 4)).toEqual([[0], [1]]);
  });
});

describe("packings by a solver", () => {
  it("are the best of all where they are proven, and never worse than ours", async () => {
    const sample = fc.sample(problems(8), { numRuns: 12, seed: 3 });
    for (const problem of sample) {
      const packing = await solvePacking({ problem });
      expectWhole(problem, packing);
      const [count, longest] = best(problem);
      expect(packing).toHaveLength(count);
      expect(longestOf(problem, packing)).toBeLessThanOrEqual(longest * 1.001);
      expect(await solvePacking({ problem })).toEqual(packing);
    }
  });

  it("are looked at before they are believed", () => {
    const problem = { lengths: [5, 4, 3, 3, 3], capacity: 12 };
    const before: Packing = [
      [0, 2, 3],
      [1, 4],
    ];
    const said = (packing: Packing) => (name: string) =>
      packing.some((rows, part) => rows.some((row) => name === `x${row}_${part}`)) ? 1 : 0;
    expect(
      betterPacking(
        problem,
        before,
        said([
          [0, 1],
          [2, 3, 4],
        ]),
      ),
    ).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
    expect(betterPacking(problem, before, said(before))).toBeUndefined();
    expect(
      betterPacking(
        problem,
        before,
        said([
          [0, 1],
          [2, 3],
        ]),
      ),
    ).toBeUndefined();
    expect(betterPacking(problem, before, said([[0, 1, 2, 3, 4], []]))).toBeUndefined();
    expect(betterPacking(problem, before, () => 0.5)).toBeUndefined();
    expect(packingModel(problem, 2, 9, 11)).toContain("9 <= m <= 11");
  });

  it("are asked for where they are worth it, and the work is done again with them", async () => {
    // Exchanges of two rows end at 93 tokens, of 276 in three micro-batches.
    const problem = { lengths: [14, 13, 61, 5, 25, 3, 6, 42, 57, 50], capacity: 102 };
    const seen: Packing[] = [];
    const last = await withBetterPackings(
      (pack) => {
        const packing = pack(problem);
        seen.push(packing);
        return packing;
      },
      solvePackings(silent(".")),
    );
    expect(seen.map((packing) => longestOf(problem, packing))).toEqual([93, 92]);
    expect(last).toBe(seen[1]);
    expectWhole(problem, last);
  });
});
