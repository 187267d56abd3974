import { describe, expect, it } from "vitest";
import { median } from "../../../core/index.ts";
import { parseWorkload, proposePoint, type SeenPoint } from "../../../plan/index.ts";

const over = {
  adapter: { rank: [4, 8, 16, 32] },
  optimizer: {
    learningRate: { min: 1e-5, max: 1, scale: "log" as const },
    weightDecay: { min: 0, max: 0.3, scale: "linear" as const },
  },
};

/** A valley at a learning rate of 3e-3, whose floor is a little lower for larger ranks; above 0.1 a job diverges. */
function lossOf(values: SeenPoint["values"]): number {
  const [rank, learningRate, decay] = values.map(({ value }) => value) as [number, number, number];
  if (learningRate > 0.1) return Number.NaN;
  return 2 + Math.log10(learningRate / 3e-3) ** 2 + 0.5 / rank + (decay - 0.1) ** 2;
}

function search(count: number, startup: number, seed: number): readonly SeenPoint[] {
  const ended: SeenPoint[] = [];
  while (ended.length < count) {
    const taken = ended.map(({ values }) => values);
    const values = proposePoint({ over, startup, seed }, { ended, taken, number: ended.length });
    ended.push({ values, loss: lossOf(values), steps: 10 });
  }
  return ended;
}

const SEEDS = Array.from({ length: 41 }, (_, seed) => seed);
/** Above what no point can be below. */
const FLOOR = 2 + 0.5 / 32;
const excessOf = (points: readonly SeenPoint[]): number =>
  Math.min(...points.map(({ loss }) => loss).filter(Number.isFinite)) - FLOOR;

describe("a model of the scores", () => {
  it("comes nearer to the lowest loss than as many random points", () => {
    const [model, random] = [8, 40].map((startup) => median(SEEDS.map((seed) => excessOf(search(40, startup, seed)))));
    expect(model!).toBeLessThan(0.6 * random!);
  });

  it("proposes each point once, within its ranges, with three digits, the same for the same history", () => {
    const points = search(40, 8, 3);
    expect(new Set(points.map(({ values }) => JSON.stringify(values))).size).toBe(40);
    for (const { values } of points) {
      const [rank, learningRate, decay] = values.map(({ value }) => value) as [number, number, number];
      expect(over.adapter.rank).toContain(rank);
      expect(learningRate).toBeGreaterThanOrEqual(1e-5);
      expect(learningRate).toBeLessThanOrEqual(1);
      expect(Number(learningRate.toPrecision(3))).toBe(learningRate);
      expect(decay).toBeGreaterThanOrEqual(0);
      expect(decay).toBeLessThanOrEqual(0.3);
    }
    expect(search(40, 8, 3)).toEqual(points);
  });

  it("goes on where all points of small lists were tried, and where all diverged", () => {
    const few = { over: { adapter: { rank: [4, 8] } }, startup: 2, seed: 0 };
    const seen = [4, 8].map((value) => ({
      values: [{ path: ["adapter", "rank"] as const, value }],
      loss: 1,
      steps: 1,
    }));
    const taken = seen.map(({ values }) => values);
    expect([4, 8]).toContain(proposePoint(few, { ended: seen, taken, number: 2 })[0]!.value);
    const diverged = seen.map((each) => ({ ...each, loss: Number.NaN }));
    expect([4, 8]).toContain(proposePoint(few, { ended: diverged, taken, number: 2 })[0]!.value);
  });

  it("thinks more of a point that got farther than of one that was stopped with a lower loss", () => {
    const at = (value: number, steps: number, loss: number): SeenPoint => ({
      ...{ steps, loss },
      values: [{ path: ["optimizer", "learningRate"], value }],
    });
    const range = { optimizer: { learningRate: { min: 1e-4, max: 1, scale: "log" as const } } };
    const ended = [at(1e-3, 100, 2), at(2e-3, 100, 2.1), ...[0.5, 0.6, 0.7, 0.8].map((rate) => at(rate, 5, 1))];
    const rates = SEEDS.map(
      (seed) => proposePoint({ over: range, startup: 2, seed }, { ended, taken: [], number: 6 })[0]!.value,
    );
    expect(median(rates)).toBeLessThan(0.02);
  });
});

describe("a sweep by a model", () => {
  const text = (sweep: object): string =>
    JSON.stringify({
      ...{ kind: "workload", version: 1, model: { architecture: "llama-2-7b" } },
      defaults: { batchSize: 2, steps: 4, data: { lengths: 16 } },
      jobs: [{ name: "tune", sweep }],
    });

  it("is planned with drawn points that are named by their numbers, the last as large as any may be", () => {
    const { jobs, sweeps } = parseWorkload(text({ model: { count: 6, startup: 2, over } }), "w.json");
    expect(jobs.map(({ name }) => name)).toEqual([1, 2, 3, 4, 5, 6].map((number) => `tune-${number}`));
    expect(jobs.at(-1)!.adapter.rank).toBe(32);
    expect(sweeps[0]!.model!.startup).toBe(2);
  });

  it.each([
    ["two kinds of search", { grid: { seed: [1] }, model: { count: 4, over } }, "one of grid, random and model"],
    ["synchronous halving", { model: { count: 4, over }, halving: { firstRows: 4, synchronous: true } }, "synchronous"],
    ["too many points", { model: { count: 4, over: { seed: [1, 2] } } }, "at most as many points as differ"],
    [
      "batch sizes beside halving",
      { model: { count: 2, over: { batchSize: [1, 2] } }, halving: { firstRows: 4 } },
      "one batchSize beside halving",
    ],
  ])("refuses %s", (_, sweep, why) => {
    expect(() => parseWorkload(text(sweep), "w.json")).toThrow(why);
  });
});
