import { expect, test } from "vitest";
import { createRng } from "../../../core/index.ts";
import { drawnStops, type HalvedSweep } from "../../../plan/index.ts";

function sweep(count: number, synchronous: boolean, rungs: readonly number[] = [6, 24]): HalvedSweep {
  const jobs = Array.from({ length: count }, (_, job) => `job${job}`);
  return {
    name: "sweep",
    jobs,
    by: "evaluation",
    plan: { rungs: jobs.map(() => rungs), eta: 4, keep: 1, over: 1, synchronous },
  };
}

function countAt(stops: ReadonlyMap<string, number>, iterations: number): number {
  return [...stops.values()].filter((at) => at === iterations).length;
}

test("three quarters are stopped at each rung where a rung waits for all", () => {
  for (const seed of [0, 1, 2, 3]) {
    const stops = drawnStops([sweep(32, true)], createRng(seed));
    expect([countAt(stops, 6), countAt(stops, 24)]).toEqual([24, 6]);
  }
});

test("at least as many go on where each is compared with those that came before, and not all", () => {
  for (const seed of [0, 1, 2, 3]) {
    const stops = drawnStops([sweep(32, false)], createRng(seed));
    const atFirst = countAt(stops, 6);
    expect(atFirst).toBeLessThanOrEqual(24);
    expect(atFirst).toBeGreaterThan(12);
    expect(stops.size).toBeLessThan(32);
  }
});

test("nobody is stopped without rungs, and which ones are depends on the draw", () => {
  expect(drawnStops([sweep(8, true, [])], createRng(0)).size).toBe(0);
  const [a, b] = [0, 1].map((seed) => [...drawnStops([sweep(32, true)], createRng(seed)).keys()].sort());
  expect(a).not.toEqual(b);
});
