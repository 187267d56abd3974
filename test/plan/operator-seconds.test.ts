import { describe, expect, it } from "vitest";
import { beyond, featureValue, operatorSeconds } from "../../plan/index.ts";

describe("operatorSeconds", () => {
  it("adds up coefficients times features, and counts features that have no coefficient as free", () => {
    expect(operatorSeconds({ one: 2, rows: 3 }, { one: 1, rows: 4, work: 100 })).toBe(14);
  });

  it("charges what is beyond a knot, and nothing below it", () => {
    const coefficients = { rows: 1, [beyond("rows", 10)]: 5 };
    expect(operatorSeconds(coefficients, { rows: 8 })).toBe(8);
    expect(operatorSeconds(coefficients, { rows: 10 })).toBe(10);
    expect(operatorSeconds(coefficients, { rows: 12 })).toBe(22);
  });

  it("finds nothing of a feature that a call does not have", () => {
    expect(featureValue({ one: 1 }, "rows")).toBe(0);
    expect(featureValue({ one: 1 }, beyond("rows", 3))).toBe(0);
  });
});
