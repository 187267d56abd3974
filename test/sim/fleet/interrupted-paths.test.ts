import { describe, expect, it } from "vitest";
import { mean } from "../../../core/index.ts";
import { interruptedPaths } from "../../../sim/index.ts";

const SECOND = 1e9;
const DRAWS = 2000;

describe("runs that are interrupted as they were before", () => {
  it("take as much more as interruptions took of the time so far, on average", () => {
    // Eight in 1000 seconds, 20 seconds each: 16 % more.
    const seen = { costsNs: Array.from({ length: 8 }, () => 20 * SECOND), runNs: 1000 * SECOND };
    const paths = interruptedPaths((_) => (workNs) => 2 * workNs, seen, 1)!;
    const ends = Array.from({ length: DRAWS }, (_, draw) => paths(draw)(500 * SECOND) / SECOND);
    expect(mean(ends)).toBeGreaterThan(1150);
    expect(mean(ends)).toBeLessThan(1170);
    expect(Math.min(...ends)).toBeLessThan(1100);
  });

  it("never go back, and have none in no time", () => {
    const paths = interruptedPaths(undefined, { costsNs: [SECOND, 90 * SECOND], runNs: 10 * SECOND }, 2)!;
    for (let draw = 0; draw < 50; draw += 1) {
      const path = paths(draw);
      expect(path(0)).toBe(0);
      const times = Array.from({ length: 100 }, (_, at) => path(at * SECOND));
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });

  it("are the runs without where there was no interruption", () => {
    expect(interruptedPaths(undefined, { costsNs: [], runNs: SECOND }, 0)).toBe(undefined);
  });
});
