import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitOperator, informationCriterion, type OperatorSample } from "../../calibration/fit-operator.ts";
import { createRng } from "../../core/index.ts";
import { operatorSeconds } from "../../plan/index.ts";

const SIZES = [10, 20, 40, 80, 120, 160, 240, 320, 480, 640, 800, 1000];

function samplesOf(seconds: (elements: number) => number, noise = 0): readonly OperatorSample[] {
  const rng = createRng(3);
  return SIZES.flatMap((elements) =>
    Array.from({ length: 4 }, () => ({
      operator: "swiglu:F",
      kind: "swiglu:F",
      features: { one: 1, elements },
      seconds: seconds(elements) * (1 + noise * (2 * rng.nextFloat() - 1)),
    })),
  );
}

function worst(samples: readonly OperatorSample[], truth: (elements: number) => number): number {
  const coefficients = fitOperator(samples);
  const errors = SIZES.map((elements) =>
    Math.abs(operatorSeconds(coefficients, { one: 1, elements }) / truth(elements) - 1),
  );
  return Math.max(...errors);
}

describe("fitOperator", () => {
  it("finds times that grow faster beyond the size of a cache", () => {
    const spilling = (elements: number): number => 1e-9 * elements + 2e-9 * Math.max(0, elements - 300);
    expect(worst(samplesOf(spilling), spilling)).toBeLessThan(0.06);
    expect(worst(samplesOf(spilling, 0.03), spilling)).toBeLessThan(0.08);
  });

  it("charges nothing beyond a size where times are straight", () => {
    const straight = (elements: number): number => 5e-8 + 1e-9 * elements;
    expect(Object.keys(fitOperator(samplesOf(straight))).sort()).toEqual(["elements", "one"]);
  });

  it("never predicts less time for more elements, whatever was measured", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1e-9, max: 1e-3, noNaN: true }), {
          minLength: SIZES.length,
          maxLength: SIZES.length,
        }),
        (times) => {
          const coefficients = fitOperator(
            SIZES.map((elements, index) => ({
              operator: "swiglu:F",
              kind: "swiglu:F",
              features: { one: 1, elements },
              seconds: times[index]!,
            })),
          );
          const predicted = [1, ...SIZES, 5000].map((elements) => operatorSeconds(coefficients, { one: 1, elements }));
          for (let i = 1; i < predicted.length; i += 1) expect(predicted[i]).toBeGreaterThanOrEqual(predicted[i - 1]!);
        },
      ),
      { numRuns: 50 },
    );
  });
});

it("weighs a parameter by the logarithm of the number of samples", () => {
  // n ln(squares / n) + k ln n (Schwarz 1978).
  expect(informationCriterion(0.1, 10, 3)).toBeCloseTo(10 * Math.log(0.01) + 3 * Math.log(10), 12);
});
