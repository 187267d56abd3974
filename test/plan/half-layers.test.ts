import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { halvesBounds, numHalvesOf, rangeOfHalves, stageLayers } from "../../plan/actions/stage-layers.ts";
import { targetsOf } from "../../plan/costs/stage-shapes.ts";
import { type Calibration, createCostModel, type Stage, stageOperators, validatePlan } from "../../plan/index.ts";
import { stageWeightBytes } from "../../plan/memory/memory-model.ts";
import { partitionLayers, stageOfHalves } from "../../plan/planner/partition.ts";
import { SIX_LAYERS as architecture, BASE, ONE_ROW as microBatch } from "./six-layers.ts";
import { unitPlan } from "./unit-plan.ts";

/** Times of the halves of each layer; the head costs something too. */
function costOf(halves: readonly number[], head: number) {
  return (stage: Stage): number => {
    const [start, end] = halvesBounds(stage);
    return halves.slice(start, end).reduce((sum, value) => sum + value, 0) + (stage.head ? head : 0);
  };
}

function boundsOf(stages: readonly Stage[]): readonly (readonly [number, number])[] {
  return stages.map(halvesBounds);
}

/** Every way to cut so many halves into stages of two or more. */
function everyCut(length: number, devices: number): readonly (readonly number[])[] {
  if (devices === 1) return [[length]];
  return Array.from({ length: length - 2 * devices + 1 }, (_, i) => i + 2).flatMap((own) =>
    everyCut(length - own, devices - 1).map((rest) => [own, ...rest]),
  );
}

const equal = (layers: number): readonly number[] =>
  Array.from({ length: 2 * layers }, (_, i) => (i % 2 === 0 ? 4 : 6));

describe("a cut between the halves of a layer", () => {
  test("is made where it saves more than 1 %: seven equal layers on two devices are three and a half each", () => {
    const stages = partitionLayers(7, 2, costOf(equal(7), 0), true);
    expect(boundsOf(stages)).toEqual([
      [0, 7],
      [7, 14],
    ]);
    expect(stages[0]).toMatchObject({ firstLayer: 0, endLayer: 4, endsAtAttention: true });
    expect(stages[1]).toMatchObject({ firstLayer: 3, endLayer: 7, startsAtMlp: true });
    expect(boundsOf(partitionLayers(7, 2, costOf(equal(7), 0)))).toEqual([
      [0, 6],
      [6, 14],
    ]);
  });

  test("is not made where whole layers are as good, or nearly", () => {
    for (const head of [0, 1])
      expect(partitionLayers(8, 2, costOf(equal(8), head), true)).toEqual(
        partitionLayers(8, 2, costOf(equal(8), head)),
      );
  });

  test("is the best there is", () => {
    const times = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 10 });
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 20 }), (given, wanted, head) => {
        const halves = given.slice(0, 2 * Math.floor(given.length / 2));
        const numLayers = halves.length / 2;
        const devices = Math.min(wanted, numLayers);
        const cost = costOf(halves, head);
        const slowest = (stages: readonly Stage[]): number => Math.max(...stages.map(cost));
        const best = Math.min(
          ...everyCut(halves.length, devices).map((lengths) => {
            let start = 0;
            return slowest(
              lengths.map((length, index) => {
                start += length;
                return stageOfHalves(index, devices, start - length, start);
              }),
            );
          }),
        );
        const whole = slowest(partitionLayers(numLayers, devices, cost));
        const divided = partitionLayers(numLayers, devices, cost, true);
        expect(slowest(divided)).toBe(best <= 0.99 * whole ? best : whole);
        expect(boundsOf(divided).map(([start]) => start)).toEqual([
          0,
          ...boundsOf(divided)
            .slice(0, -1)
            .map(([, end]) => end),
        ]);
        expect(divided.every((stage) => numHalvesOf(stage) >= 2)).toBe(true);
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});

const jobs = [
  {
    ...BASE.jobs[0]!,
    adapter: { rank: 8, alpha: 8, dropout: 0, targets: ["q_proj" as const, "o_proj" as const, "up_proj" as const] },
  },
];

const ROOFLINE: Calibration = {
  kind: "calibration",
  version: 1,
  model: "roofline",
  computeEfficiency: 0.5,
  memoryEfficiency: 0.5,
  launchSeconds: 1e-5,
  transferEfficiency: 1,
  transferLatencySeconds: 0,
};
const LAYERS: Calibration = {
  kind: "calibration",
  version: 1,
  model: "layers",
  source: "made up",
  meanError: 0,
  computeEfficiency: 0.5,
  activationBytes: 16,
  scoreBytes: 1,
  headBytes: 58,
  launchSeconds: 1e-4,
  transferEfficiency: 1,
  transferLatencySeconds: 1e-5,
};

/** Two stages of a middle piece of the model that meet after so many halves. */
function pair(cut: number, recomputed: number): readonly Stage[] {
  const end = 2 * architecture.numLayers;
  return [rangeOfHalves(0, cut), rangeOfHalves(cut, end)].map((range, index) => ({
    index,
    device: 0,
    ...range,
    embedding: false,
    head: false,
    recomputedLayers: Math.min(recomputed, range.endLayer - range.firstLayer),
  }));
}

describe("the halves of a divided layer", () => {
  test("are one layer to those who list them", () => {
    expect(
      pair(5, 1).map((stage) => stageLayers(stage).map(({ layer, halves }) => `${layer} ${halves.join("+")}`)),
    ).toEqual([
      ["0 attention+mlp", "1 attention+mlp", "2 attention"],
      ["2 mlp", "3 attention+mlp", "4 attention+mlp", "5 attention+mlp"],
    ]);
    for (let start = 0; start < 8; start += 1)
      for (let end = start + 2; end <= 12; end += 1)
        expect(halvesBounds(rangeOfHalves(start, end))).toEqual([start, end]);
  });

  test.each(["F", "B"] as const)("have the operators of a whole layer between them: %s", (letter) => {
    const count = (cut: number): Record<string, number> => {
      const counts: Record<string, number> = {};
      for (const stage of pair(cut, 0))
        for (const { name, projections, calls } of stageOperators(
          { architecture, stage, jobs, targets: targetsOf(jobs), dtype: "float32" },
          letter,
          microBatch,
        )) {
          const key = `${name} ${projections?.join() ?? ""}`;
          counts[key] = (counts[key] ?? 0) + calls;
        }
      return counts;
    };
    expect(count(5)).toEqual(count(4));
    expect(count(7)).toEqual(count(6));
  });

  test("take the time and weights of a whole layer between them, with and without recomputation", () => {
    const device = { ...BASE.devices[0]!, peakFlopsPerSecond: { float32: 2e13 }, memoryBytesPerSecond: 1e12 };
    for (const calibration of [ROOFLINE, LAYERS]) {
      const model = createCostModel(calibration, "float32");
      const seconds = (cut: number, letter: "F" | "B", recomputed: number): number =>
        pair(cut, recomputed).reduce((total, stage) => {
          const shape = { architecture, stage, jobs, targets: targetsOf(jobs), dtype: "float32" } as const;
          return total + model.actionSeconds({ letter, device, shape, microBatch, updatedJobs: [] });
        }, 0);
      expect(seconds(5, "F", 0) / seconds(4, "F", 0)).toBeCloseTo(1, 12);
      expect(seconds(5, "B", 0) / seconds(4, "B", 0)).toBeCloseTo(1, 12);
      expect(seconds(5, "B", 1)).toBeGreaterThan(seconds(5, "B", 0));
    }
    const bytes = (cut: number): number =>
      pair(cut, 0).reduce((total, stage) => total + stageWeightBytes(architecture, stage, "float32"), 0);
    expect(bytes(5)).toBe(bytes(4));
  });
});

test("a plan whose stages do not meet between the same halves is refused", () => {
  const plan = unitPlan({ numDevices: 2, numJobs: 1, parts: 1, steps: 1 });
  const [first, second] = plan.stages;
  const ends = 2 * plan.model.architecture.numLayers;
  const cut = [stageOfHalves(0, 2, 0, 5), stageOfHalves(1, 2, 5, ends)];
  expect(() => validatePlan({ ...plan, stages: cut })).not.toThrow();
  expect(() => validatePlan({ ...plan, stages: [{ ...first!, endsAtAttention: true }, second!] })).toThrow(
    "Expected a stage 1 that begins at the MLP of layer 15 and has an attention and an MLP",
  );
  expect(() => validatePlan({ ...plan, stages: [stageOfHalves(0, 2, 0, 1), stageOfHalves(1, 2, 1, ends)] })).toThrow(
    "Expected a stage 0 that begins at layer 0 and has an attention and an MLP",
  );
});
