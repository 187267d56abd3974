import { expect, test } from "vitest";
import { fitParameters } from "../../calibration/index.ts";

const XS = [1, 2, 4, 8, 16, 32];

/** Log ratios of a + b x to what a = 3, b = 0.5 give, with one outlier. */
function line(outlier: number) {
  const measured = XS.map((x, index) => (3 + 0.5 * x) * (index === 2 ? outlier : 1));
  return ({ a, b }: { readonly a: number; readonly b: number }) =>
    XS.map((x, index) => Math.log((a + b * x) / measured[index]!));
}

test("parameters that made the data are found again", () => {
  const fit = fitParameters({ start: { a: 100, b: 0.001 }, residuals: line(1) });
  expect(fit.a).toBeCloseTo(3, 5);
  expect(fit.b).toBeCloseTo(0.5, 6);
});

test("soft L1 lets one outlier pull less than squares do", () => {
  const squares = fitParameters({ start: { a: 1, b: 1 }, residuals: line(3) });
  const soft = fitParameters({ start: { a: 1, b: 1 }, residuals: line(3), softL1: 0.01 });
  expect(Math.abs(soft.a - 3)).toBeLessThan(Math.abs(squares.a - 3) / 10);
});

test("a parameter that no residual feels stays where it began, and the same data give the same bits", () => {
  const problem = {
    start: { a: 1, b: 1, idle: 7 },
    residuals: line(1) as (found: { a: number; b: number; idle: number }) => readonly number[],
  };
  expect(fitParameters(problem).idle).toBe(7);
  expect(fitParameters(problem)).toEqual(fitParameters(problem));
});
