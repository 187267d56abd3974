import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nonNegativeLeastSquares } from "../../core/nnls.ts";

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, row) => sum + value * b[row]!, 0);
const length = (a: readonly number[]) => Math.sqrt(dot(a, a));

function residual(
  columns: readonly (readonly number[])[],
  target: readonly number[],
  x: readonly number[],
): readonly number[] {
  return target.map((value, row) => value - columns.reduce((sum, column, index) => sum + column[row]! * x[index]!, 0));
}

/** Karush, Kuhn and Tucker: no feasible direction goes down. The gradient is compared with the columns' lengths. */
function expectOptimal(columns: readonly (readonly number[])[], target: readonly number[], x: readonly number[]): void {
  const rest = residual(columns, target, x);
  columns.forEach((column, index) => {
    const slope = dot(column, rest) / ((length(column) || 1) * (length(target) || 1));
    expect(x[index]).toBeGreaterThanOrEqual(0);
    expect(slope).toBeLessThan(1e-6);
    if (x[index]! > 0) expect(slope).toBeGreaterThan(-1e-6);
  });
}

const value = fc.integer({ min: -50, max: 50 });
const problem = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 6 }))
  .chain(([rows, columns]) =>
    fc.tuple(
      fc.array(fc.array(value, { minLength: rows, maxLength: rows }), { minLength: columns, maxLength: columns }),
      fc.array(value, { minLength: rows, maxLength: rows }),
    ),
  );

describe("non-negative least squares", () => {
  it("meets the optimality conditions, also with dependent columns and fewer rows than columns", () => {
    fc.assert(
      fc.property(problem, ([columns, target]) => {
        expectOptimal(columns, target, nonNegativeLeastSquares(columns, target));
        const doubled = [...columns, columns[0]!.map((entry) => 3 * entry)];
        expectOptimal(doubled, target, nonNegativeLeastSquares(doubled, target));
      }),
      { numRuns: 400 },
    );
  });

  it("finds coefficients that are not negative where the data has them, over scales that differ by 1e12", () => {
    const flops = [1e9, 3e9, 7e9, 2e10, 9e10];
    const tokens = [8, 64, 100, 512, 700];
    const seconds = flops.map((work, row) => 3e-6 + 2e-8 * tokens[row]! + 5e-12 * work);
    const [one, perToken, perFlop] = nonNegativeLeastSquares([flops.map(() => 1), tokens, flops], seconds);
    expect([one! / 3e-6, perToken! / 2e-8, perFlop! / 5e-12]).toEqual(
      [1, 1, 1].map((ratio) => expect.closeTo(ratio, 6)),
    );
  });

  it("sets to exactly zero what would be negative", () => {
    // 2 t - 1 at t = 1, 2, 3: the intercept of a straight line is -1, so the best line through the origin remains.
    expect(
      nonNegativeLeastSquares(
        [
          [1, 1, 1],
          [1, 2, 3],
        ],
        [1, 3, 5],
      ),
    ).toEqual([0, expect.closeTo(22 / 14, 12)]);
  });

  it("uses one of two equal columns and leaves empty ones out", () => {
    expect(
      nonNegativeLeastSquares(
        [
          [0, 0],
          [1, 2],
          [1, 2],
        ],
        [2, 4],
      ),
    ).toEqual([0, expect.closeTo(2, 12), 0]);
  });
});
