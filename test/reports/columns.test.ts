import { describe, expect, it } from "vitest";
import { errorRange } from "../../reports/client/error-range.ts";
import { timeColumn } from "../../reports/client/fleet/calendar-ticks.ts";
import { costText, durationColumn, memoryColumn } from "../../reports/client/format.ts";

describe("a column of a table", () => {
  it.each([
    [
      [12.34, 0, 3.456],
      ["12.34 s", "0 s", "3.46 s"],
    ],
    [
      [7200, 1800, 90],
      ["2.00 h", "0.50 h", "0.03 h"],
    ],
    [
      [0.25, 0.0125],
      ["250.0 ms", "12.5 ms"],
    ],
    [
      [77.3, 0.0005],
      ["77.30 s", "< 0.01 s"],
    ],
    [[0], ["0 µs"]],
  ])("has durations in one unit: %j", (seconds, texts) => {
    expect(seconds.map(durationColumn(seconds))).toEqual(texts);
  });

  it.each([
    [0.01234, "0.0123 USD"],
    [99.5, "99.5 USD"],
    [1234.5, "1,235 USD"],
  ])("has money with three digits, or all before the point: %d", (amount, text) => {
    expect(costText({ deviceSeconds: 1, cost: { amount, currency: "USD" } })).toBe(text);
  });

  it("has memory in one unit", () => {
    const bytes = [3 * 2 ** 30, 512 * 2 ** 20];
    expect(bytes.map(memoryColumn(bytes))).toEqual(["3.00 GiB", "0.50 GiB"]);
    expect([1000].map(memoryColumn([1000]))).toEqual(["1000 B"]);
  });

  it.each([
    [
      [10, 20],
      ["10 s", "20 s"],
    ],
    [
      [0.1, 0.25, 0],
      ["100 ms", "250 ms", "0 ms"],
    ],
    [
      [60, 3725, 0.2, 0],
      ["1 min", "1 h 2 min 5 s", "< 1 s", "0 s"],
    ],
    [
      [5 * 86_400 + 60, 12],
      ["5 d 1 min", "< 1 min"],
    ],
  ])("has times of a fleet from the same unit on: %j", (seconds, texts) => {
    const times = seconds.map((each) => each * 1e9);
    expect(times.map(timeColumn(times))).toEqual(texts);
  });
});

describe("the axis of errors", () => {
  it("reaches no farther than most errors do, and never below what takes no time", () => {
    const small = Array.from({ length: 40 }, (_, index) => (index - 20) / 400);
    expect(errorRange([...small, 4])).toEqual([-0.1, expect.closeTo(0.1458, 3)]);
    const [low, high] = errorRange([-0.99, -0.9, 3, 2.5, 2]);
    expect(low).toBe(-1);
    expect(high).toBeCloseTo(3.24);
    expect(errorRange([0.01])).toEqual([-0.1, 0.1]);
    expect(errorRange([])).toEqual([-0.1, 0.1]);
  });
});
