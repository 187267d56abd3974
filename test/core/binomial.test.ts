import { expect, it } from "vitest";
import { binomialAtMost, normalQuantile, shareBounds } from "../../core/index.ts";

it.each([
  [9, 10, 0.6058, 0.9949],
  [20, 20, 0.8609, 1],
  [0, 10, 0, 0.2589],
  [18, 20, 0.7174, 0.9819],
  [90, 100, 0.8363, 0.9449],
])("%i of %i is at least and at most what tables of Clopper and Pearson have", (successes, tries, least, most) => {
  const { atLeast, atMost } = shareBounds(successes, tries, 0.95);
  expect(atLeast).toBeCloseTo(least, 3);
  expect(atMost).toBeCloseTo(most, 3);
});

it("chances of at most so many successes add up", () => {
  expect(binomialAtMost(1, 3, 0.5)).toBeCloseTo(0.5, 12);
  expect(binomialAtMost(2, 4, 0.1)).toBeCloseTo(0.9963, 12);
  expect([binomialAtMost(3, 3, 0.2), binomialAtMost(0, 3, 1), binomialAtMost(0, 3, 0)]).toEqual([1, 0, 1]);
  expect(binomialAtMost(500, 1000, 0.5)).toBeCloseTo(0.5126, 4);
});

it("shares of a normal distribution lie below the values that tables have", () => {
  for (const [share, value] of [
    [0.5, 0],
    [0.975, 1.959964],
    [0.9, 1.281552],
    [0.999, 3.090232],
    [1e-5, -4.264891],
  ] as const)
    expect(normalQuantile(share)).toBeCloseTo(value, 6);
});
