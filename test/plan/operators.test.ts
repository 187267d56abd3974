import { describe, expect, test } from "vitest";
import { sum } from "../../core/index.ts";
import { targetsOf } from "../../plan/costs/stage-shapes.ts";
import { type Projection, stageOperators } from "../../plan/index.ts";
import { smallPlan } from "../sim/small-plan.ts";

const base = smallPlan({ orders: ["F0 B0"], microBatches: [{ tokens: 1 }] });
const architecture = { ...base.model.architecture, intermediateSize: 172 };
const stage = { ...base.stages[0]!, embedding: false, head: false };

/** The features of a SwiGLU over 40 rows of one job and 60 of another. */
function swigluFeatures(
  direction: "F" | "B",
  name: string,
  targets: readonly (readonly Projection[])[],
  recomputedLayers = 0,
): Readonly<Record<string, number>> | undefined {
  const jobs = targets.map((own) => ({
    ...base.jobs[0]!,
    adapter: { rank: 8, alpha: 8, dropout: 0, targets: [...own] },
  }));
  const microBatch = {
    rows: [
      [0, 0, 40, 39],
      [1, 0, 60, 59],
    ] as [number, number, number, number][],
  };
  const shape = {
    architecture,
    stage: { ...stage, recomputedLayers },
    jobs,
    targets: targetsOf(jobs),
    dtype: "float32" as const,
  };
  return stageOperators(shape, direction, microBatch).find((call) => call.name === name)?.features;
}

describe("SwiGLU reads gate and up from the caches where an operator just before had them", () => {
  test("forward: an adapter on gate or up, row by row", () => {
    expect(swigluFeatures("F", "swiglu:F", [["q_proj"], ["v_proj"]])).toMatchObject({ elements: 17200, cold: 17200 });
    expect(swigluFeatures("F", "swiglu:F", [["q_proj"], ["up_proj"]])).toMatchObject({
      elements: 17200,
      cold: 40 * 172,
    });
    expect(swigluFeatures("F", "swiglu:F", [["gate_proj"], ["up_proj"]])).toMatchObject({ cold: 0 });
  });

  test("backward: any adapter on down_proj, whose input is computed again for all rows", () => {
    expect(swigluFeatures("B", "swiglu:B", [["q_proj"], ["up_proj"]])).toMatchObject({ cold: 17200 });
    expect(swigluFeatures("B", "swiglu:B", [["q_proj"], ["down_proj"]])).toMatchObject({ cold: 0 });
  });

  test("a layer computed again has just had them, and its SwiGLU is the forward's", () => {
    expect(swigluFeatures("B", "swiglu:B", [["q_proj"], ["q_proj"]], 1)).toMatchObject({ cold: 0 });
    const again: readonly (readonly Projection[])[] = [["q_proj"], ["up_proj", "down_proj"]];
    expect(swigluFeatures("B", "swiglu-again:B", again)).toMatchObject({ elements: 17200 });
    expect(swigluFeatures("B", "swiglu-again:B", again, 1)).toBeUndefined();
    expect(swigluFeatures("B", "swiglu:F", again, 1)).toMatchObject({ elements: 17200, cold: 40 * 172 });
  });
});

describe("the operator of all adapters", () => {
  test("counts two products with each matrix forward, and four backward", () => {
    const targets: Projection[] = ["q_proj", "down_proj"];
    const jobs = [{ ...base.jobs[0]!, adapter: { rank: 8, alpha: 8, dropout: 0, targets } }];
    const shape = { architecture, stage, jobs, targets: targetsOf(jobs), dtype: "float32" as const };
    const microBatch = { rows: [[0, 0, 40, 39]] as [number, number, number, number][] };
    const flops = (direction: "F" | "B"): number =>
      sum(
        stageOperators(shape, direction, microBatch)
          .filter(({ kind }) => kind === `lora:${direction}`)
          .map((call) => call.calls * call.flops),
      );
    // A is [8, in] and B [out, 8] of [out, in]: hidden x hidden, and hidden x inner.
    const { hiddenSize: hidden, intermediateSize: inner } = architecture;
    const layers = stage.endLayer - stage.firstLayer;
    const product = 2 * 40 * 8 * (hidden + hidden + inner + hidden) * layers;
    expect(flops("F")).toBe(product);
    expect(flops("B")).toBe(2 * product);
  });
});
