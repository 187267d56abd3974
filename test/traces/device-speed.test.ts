import { describe, expect, it } from "vitest";
import { type AtMachineSpeed, machineLines, type SpeedSample, slowdown, speedBetween } from "../../traces/index.ts";

const samples: readonly SpeedSample[] = [
  [0, 100, 10],
  [1, 50, 10],
  [2, 100, 10],
  [3, 100, 20],
];

describe("the speed of a device over a time", () => {
  it("is the harmonic mean of the samples meanwhile and of the nearest before and after", () => {
    expect(speedBetween(samples, 0.5, 0.6)!.product).toBeCloseTo(1 / ((1 / 100 + 1 / 50) / 2), 12);
    expect(speedBetween(samples, 0.5, 1.5)!.product).toBeCloseTo(1 / ((2 / 100 + 1 / 50) / 3), 12);
    expect(speedBetween(samples, 2.5, 2.9)!.copy).toBeCloseTo(1 / ((1 / 10 + 1 / 20) / 2), 12);
  });

  it("is that of the first or last sample outside of all, of all over everything, and unknown without any", () => {
    expect(speedBetween(samples, -2, -1)).toEqual({ product: 100, copy: 10 });
    expect(speedBetween(samples, 7, 9)).toEqual({ product: 100, copy: 20 });
    const whole = speedBetween(samples, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)!;
    expect(whole.product).toBeCloseTo(80, 12);
    expect(speedBetween([], 0, 1)).toBeUndefined();
  });
});

describe("a slowdown", () => {
  it("weighs products and the rest by their shares of the time", () => {
    const reference = { product: 100, copy: 10 };
    expect(slowdown(1, { product: 50, copy: 10 }, reference)).toBe(2);
    expect(slowdown(0, { product: 50, copy: 20 }, reference)).toBe(0.5);
    expect(slowdown(0.75, { product: 50, copy: 10 }, reference)).toBeCloseTo(1.75, 12);
  });
});

describe("what was the machine's doing", () => {
  const device = { name: "cpu:0", productsSlower: 0, memorySlower: 0 };
  const lines = (facts: Partial<AtMachineSpeed["devices"][number]>): string =>
    machineLines({ makespanSeconds: 1, devices: [{ ...device, ...facts }] })[0]!;

  it("is said in a line for each device", () => {
    expect(
      lines({ interrupted: 0.314, interruptedWhenCalibrated: 0.021, productsSlower: 0.061, memorySlower: -0.12 }),
    ).toBe("cpu:0 interrupted 31 % of the time (2.1 % when calibrated), products 6.1 % slower, memory 12 % faster");
  });

  it("leaves out what nobody counted and what did not change", () => {
    expect(lines({})).toBe("cpu:0 as when calibrated");
    expect(lines({ productsSlower: 0.004, memorySlower: 0.02 })).toBe("cpu:0 memory 2.0 % slower");
  });
});
