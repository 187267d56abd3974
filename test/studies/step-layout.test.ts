import { describe, expect, it } from "vitest";
import { createRng, sum } from "../../core/index.ts";
import {
  architectureFromConfig,
  CATALOG,
  huggingFaceConfigSchema,
  PRESETS,
  type StepLayout,
  UNFUSED_PROJECTIONS,
} from "../../plan/index.ts";
import {
  acceleratorOf,
  allLayouts,
  DealtRows,
  layoutBytes,
  layoutSeconds,
  layoutShares,
  PUBLISHED_FIT,
  type StepMachine,
  type StepWork,
  type TrainingSystem,
  tokenSeconds,
  trainingStepSeconds,
} from "../../studies/index.ts";
import { microBatchSeconds } from "../../studies/observations/training-step.ts";

const LLAMA = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-70b"]));
const WORK: StepWork = {
  ...{
    architecture: LLAMA,
    trainedParameters: 44.6e6,
    targets: [...UNFUSED_PROJECTIONS],
    steps: [Array(8).fill(8192)],
    longestRow: 8192,
  },
};
const rowsOf = (...works: readonly StepWork[]): DealtRows => new DealtRows(works);
const ROWS = rowsOf(WORK);
const H100: StepMachine = {
  ...{ accelerator: acceleratorOf("H100 SXM", CATALOG), memoryBytes: 80e9, scaleUp: 8, count: 8 },
  ...{ precision: "float8", release: "newest", hasGraphs: true, overlaps: false },
};
const PLAIN: StepLayout = {
  ...{ tensorParallel: 1, contextParallel: 1, contextExchange: "all-to-all", pipelineParallel: 1, dataParallel: 8 },
  ...{ sharded: "state", recomputedLayers: 0, microTokens: 8192 },
};

const bytes = (change: Partial<StepLayout>, machine = H100): number =>
  layoutBytes(machine, { ...PLAIN, ...change }, ROWS);
const seconds = (change: Partial<StepLayout>, machine = H100): number =>
  layoutSeconds(machine, { ...PLAIN, ...change }, ROWS);

/** When 1F1B ends a step: forwards and backwards in each stage's order, one after another, each after what it needs. */
function oneForwardOneBackward(
  stages: readonly { readonly forward: number; readonly backward: number }[],
  microBatches: number,
): number {
  const [forwards, backwards] = [stages.map((): number[] => []), stages.map((): number[] => [])];
  const free = stages.map(() => 0);
  const orders = stages.map((_, stage) => {
    const ahead = Math.min(microBatches, stages.length - stage);
    const order = Array.from({ length: ahead }, (_, index) => ["F", index] as const as ["F" | "B", number]);
    for (let index = 0; index < microBatches; index += 1) {
      order.push(["B", index]);
      if (ahead + index < microBatches) order.push(["F", ahead + index]);
    }
    return order;
  });
  while (orders.some((order) => order.length > 0))
    for (const [stage, order] of orders.entries())
      while (order.length > 0) {
        const [letter, index] = order[0]!;
        const last = stage === stages.length - 1;
        const needs =
          letter === "F"
            ? stage === 0
              ? 0
              : forwards[stage - 1]![index]
            : last
              ? forwards[stage]![index]
              : backwards[stage + 1]![index];
        if (needs === undefined) break;
        order.shift();
        const { forward, backward } = stages[stage]!;
        free[stage] = Math.max(free[stage]!, needs) + (letter === "F" ? forward : backward);
        (letter === "F" ? forwards : backwards)[stage]![index] = free[stage]!;
      }
  return Math.max(...free);
}

describe("layouts of a step", () => {
  it("divide accelerators, layers and heads, each once", () => {
    for (const count of [1, 2, 6, 8, 16]) {
      const layouts = allLayouts({ ...H100, count }, LLAMA);
      expect(new Set(layouts.map((layout) => JSON.stringify(layout))).size).toBe(layouts.length);
      for (const layout of layouts) {
        const { tensorParallel, contextParallel, pipelineParallel, dataParallel } = layout;
        expect(tensorParallel * contextParallel * pipelineParallel * dataParallel).toBe(count);
        expect(tensorParallel * contextParallel).toBeLessThanOrEqual(8);
        expect(LLAMA.numLayers % pipelineParallel).toBe(0);
      }
    }
    expect(allLayouts({ ...H100, count: 1 }, LLAMA).every(({ sharded }) => sharded === "state")).toBe(true);
    // Eight heads of keys go to eight accelerators at most: more send them around.
    const wide = allLayouts({ ...H100, count: 64, scaleUp: 72 }, LLAMA).filter(
      ({ tensorParallel, contextParallel }) => tensorParallel === 4 && contextParallel === 4,
    );
    expect(wide.length).toBeGreaterThan(0);
    expect(wide.every(({ contextExchange }) => contextExchange === "all-to-all")).toBe(true);
  });

  it("take less memory the more the model is split", () => {
    const whole = bytes({});
    // 68.5 GB of layers in 8 bits, and all that a micro-batch keeps.
    expect(whole).toBeGreaterThan(100e9);
    expect(bytes({ tensorParallel: 2, dataParallel: 4 })).toBeLessThan(0.6 * whole);
    expect(bytes({ contextParallel: 2, dataParallel: 4 })).toBeLessThan(whole);
    expect(bytes({ recomputedLayers: 40 })).toBeLessThan(whole);
    // Weights over eight, and two layers and a table gathered.
    const sharded = whole - bytes({ sharded: "weights" });
    expect(sharded).toBeGreaterThan(0.8 * 68.5e9);
    expect(sharded).toBeLessThan(0.875 * 69.6e9);
    // A pipeline of one step's micro-batches: as many in flight on the first stage as stages, of fewer layers.
    const pipelined = bytes({ pipelineParallel: 8, dataParallel: 1 });
    expect(pipelined).toBeLessThan(0.7 * whole);
    expect(pipelined).toBeGreaterThan(whole - 68.5e9 * 0.9 - 10e9);
  });

  it("fill and drain a pipeline as 1F1B does", () => {
    const rng = createRng("pipelines");
    for (let round = 0; round < 50; round += 1) {
      const pipelineParallel = [1, 2, 4, 8, 16][rng.nextInt(5)]!;
      const accumulation = 1 + rng.nextInt(12);
      // Links and updates that take no time: what is left is the pipeline.
      const kernels = { ...H100.accelerator.kernels, collectives: undefined };
      const accelerator = { ...H100.accelerator, kernels, linkBytesPerSecond: 1e30, networkBytesPerSecond: 1e30 };
      const system: TrainingSystem = {
        ...{ accelerator, architecture: LLAMA, trainedParameters: 1, accelerators: 16, scaleUp: 16 },
        ...{ tensorParallel: 1, contextParallel: 1, contextExchange: "all-to-all", pipelineParallel, accumulation },
        ...{
          tokens: 4096,
          precision: "float8",
          recomputedLayers: 0,
          isSharded: false,
          hasGraphs: true,
          overlaps: false,
        },
      };
      const one = { ...system, accumulation: 1, pipelineParallel: 1 };
      const last = microBatchSeconds(system, "newest", PUBLISHED_FIT);
      const fixed = trainingStepSeconds(one, "newest", PUBLISHED_FIT) - microBatchSeconds(one, "newest", PUBLISHED_FIT);
      // The head is what a whole model has beside its layers.
      const whole = microBatchSeconds(one, "newest", PUBLISHED_FIT);
      const head = pipelineParallel === 1 ? 0 : (last - whole / pipelineParallel) / (1 - 1 / pipelineParallel);
      const stage = last - head;
      const stages = Array.from({ length: pipelineParallel }, (_, index) => {
        const all = index === pipelineParallel - 1 ? last : stage;
        return { forward: all / 3, backward: (2 * all) / 3 };
      });
      const simulated = oneForwardOneBackward(stages, accumulation);
      const predicted = trainingStepSeconds(system, "newest", PUBLISHED_FIT) - fixed;
      expect(predicted).toBeCloseTo(simulated, 8);
    }
  });

  it("wait for weights that are gathered over a slow network", () => {
    expect(seconds({ sharded: "weights" })).toBe(seconds({}));
    const slow = { ...H100, accelerator: { ...H100.accelerator, linkBytesPerSecond: 1e10 } };
    const gathered = seconds({ sharded: "weights" }, slow);
    // 69 billion parameters of two bytes, three times.
    expect(gathered).toBeCloseTo((3 * 2 * 69e9) / 7.5e9, -1);
    const { link } = layoutShares(slow, { ...PLAIN, sharded: "weights" }, ROWS);
    expect(link).toBeGreaterThan(0.5);
  });

  it("of several jobs take no less than the tokens of all of them", () => {
    const rng = createRng("tokens");
    const machines = [1, 2, 4, 8, 16].map((count) => ({ ...H100, count }));
    for (let round = 0; round < 300; round += 1) {
      const machine = machines[rng.nextInt(machines.length)]!;
      const layouts = allLayouts(machine, LLAMA);
      const layout = layouts[rng.nextInt(layouts.length)]!;
      const works = Array.from({ length: 1 + rng.nextInt(4) }, (): StepWork => {
        const step = (): number[] => Array.from({ length: 1 + rng.nextInt(32) }, () => 100 + rng.nextInt(4000));
        return { ...WORK, steps: [step(), step()], longestRow: 4100 };
      });
      const rows = rowsOf(...works);
      const least = tokenSeconds(machine, layout, rows) * (rows.tokens / layout.dataParallel);
      expect(layoutSeconds(machine, layout, rows)).toBeGreaterThan(least);
      const shares = Object.values(layoutShares(machine, layout, rows));
      expect(sum(shares)).toBeCloseTo(1, 9);
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(-1e-9);
    }
  });

  it("have whole rows: eight of 8192 tokens are eight micro-batches, however few tokens a micro-batch may have", () => {
    const pipeline = { pipelineParallel: 8, dataParallel: 1 };
    const wide = seconds({ ...pipeline, microTokens: 8192 });
    expect(seconds({ ...pipeline, microTokens: 1024 })).toBe(wide);
    // Context parallelism shares a row.
    expect(seconds({ contextParallel: 8, dataParallel: 1 })).toBeLessThan(0.8 * wide);
  });

  it("wait for the copy with the most rows, and the longest ones", () => {
    const step = (rows: number[], microTokens = 2048): number =>
      layoutSeconds(H100, { ...PLAIN, microTokens }, rowsOf({ ...WORK, steps: [rows], longestRow: 8192 }));
    const same = (count: number): number[] => Array(count).fill(2048);
    expect(step(same(9))).toBe(step(same(16)));
    expect(step(same(8))).toBeLessThan(0.6 * step(same(9)));
    // One long row is as slow as eight of them.
    expect(step([8192, ...same(7)])).toBe(step(Array(8).fill(8192)));
  });

  it("expect of drawn lengths what the slowest of drawn copies takes", () => {
    const rng = createRng("slowest");
    const steps = Array.from({ length: 512 }, () =>
      Array.from({ length: 16 }, () => Math.min(8192, Math.ceil(900 * Math.exp(rng.nextNormal() - 0.5)))),
    );
    const most = steps.map((rows) =>
      Math.max(...Array.from({ length: 8 }, (_, rank) => rows[rank]! + rows[rank + 8]!)),
    );
    const slower = sum(most) / (sum(steps.flat()) / 8);
    expect(slower).toBeGreaterThan(1.7);
    const rows = rowsOf({ ...WORK, steps, longestRow: 8192 });
    const whole = layoutSeconds(H100, { ...PLAIN, microTokens: 16_384 }, rows);
    const even = rowsOf({ ...WORK, steps: steps.map(() => Array(16).fill(rows.tokens / 16)), longestRow: 8192 });
    expect(whole / layoutSeconds(H100, { ...PLAIN, microTokens: 16_384 }, even)).toBeGreaterThan(0.85 * slower);
  });
});
