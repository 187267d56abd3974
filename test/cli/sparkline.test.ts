import { expect, it } from "vitest";
import { sparkline } from "../../cli/sparkline.ts";

it("draws the lowest value as the lowest block and the highest as the highest", () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe("▁▂▃▄▅▆▇█");
  expect(sparkline([5, 5, 5], 8)).toBe("▁▁▁");
  expect(sparkline([1, Number.NaN, 3], 8)).toBe("▁ █");
  expect(sparkline([0, 2, 8, 10], 2)).toBe("▁█");
});
