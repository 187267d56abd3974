import { expect, test } from "vitest";
import { expectedSeconds, fitsBudget } from "../../bench/budget.ts";

test("a case is expected to take what it states until the machine has shown its speed, and then in proportion", () => {
  expect(expectedSeconds(30, [])).toBe(30);
  expect(expectedSeconds(30, [{ stated: 10, taken: 20 }])).toBe(60);
  expect(
    expectedSeconds(30, [
      { stated: 10, taken: 20 },
      { stated: 30, taken: 20 },
    ]),
  ).toBe(30);
});

test("a case may begin where it is expected to end within the budget", () => {
  expect(fitsBudget(540, 60, 600)).toBe(true);
  expect(fitsBudget(541, 60, 600)).toBe(false);
  expect(fitsBudget(1e6, 1e6, Number.POSITIVE_INFINITY)).toBe(true);
});
