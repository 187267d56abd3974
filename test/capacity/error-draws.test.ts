import { expect, it } from "vitest";
import { drawnFactor } from "../../capacity/error-draws.ts";

const SIGMA = 0.12;
const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;

function factors(accelerator: string, draws: number, seed: number, round = 0): readonly number[] {
  const drawing = { draws, seed };
  return Array.from({ length: draws }, (_, draw) => drawnFactor(accelerator, SIGMA, round * draws + draw, drawing));
}

const ASKED = [1, 2, 5, 20, 33].flatMap((draws) =>
  ["H100 SXM", "MI300X"].flatMap((name) => [0, 1, 2].map((seed) => [name, draws, seed] as const)),
);

it.each(ASKED)("errors of %s in %i draws of seed %i are as often up as down, by as much", (name, draws, seed) => {
  for (const round of [0, 1, 4]) {
    const logs = factors(name, draws, seed, round).map(Math.log);
    expect(mean(logs)).toBeCloseTo(0, 12);
    expect(logs.every(Number.isFinite)).toBe(true);
  }
});

it("all accelerators are as lucky with twenty draws, whatever the seed", () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const [a, b] = ["H100 SXM", "MI300X"].map((name) => factors(name, 20, seed));
    expect([...a!].sort()).toEqual([...b!].sort());
    expect(a).not.toEqual(b);
    // What the distribution has on average.
    expect(Math.abs(mean(a!) / Math.exp(SIGMA ** 2 / 2) - 1)).toBeLessThan(0.006);
  }
});

it("errors have their distribution: each share of it once a round, and more of it with each round", () => {
  const drawing = { draws: 20, seed: 7 };
  const all = Array.from({ length: 400 }, (_, draw) => Math.log(drawnFactor("L40S", SIGMA, draw, drawing)));
  expect(Math.sqrt(mean(all.map((each) => each ** 2)))).toBeCloseTo(SIGMA, 2);
  expect(all.filter((each) => Math.abs(each) < 0.6745 * SIGMA).length).toBe(200);
  expect(new Set(all.map((each) => each.toFixed(9))).size).toBe(400);
});

it("the first draw is from the middle, other seeds are other draws, and the same draw is the same twice", () => {
  for (let seed = 0; seed < 20; seed += 1) {
    expect(factors("H100 SXM", 5, seed)[0]).toBe(1);
    expect(Math.abs(Math.log(factors("H100 SXM", 20, seed)[0]!))).toBeLessThan(0.13 * SIGMA);
  }
  expect(factors("H100 SXM", 20, 1)).not.toEqual(factors("H100 SXM", 20, 2));
  expect(factors("H100 SXM", 20, 1)).toEqual(factors("H100 SXM", 20, 1));
});
