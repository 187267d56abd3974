import { describe, expect, test } from "vitest";
import { LONG_TAILED, type PlanningCase, randomCase, requestOf } from "../../bench/planning-cases.ts";
import { canonicalJson, sum } from "../../core/index.ts";
import { CATALOG, makePlan, type PlanBody, type PlanRequest, reasonedPlan } from "../../plan/index.ts";
import { predictPlan } from "../../sim/index.ts";

function seconds(plan: PlanBody): number {
  return predictPlan(plan).body.predicted.makespanSeconds;
}

function shortened(described: PlanningCase): PlanningCase {
  return { ...described, jobs: { ...described.jobs, steps: 8 } };
}

const longTailed: PlanRequest = requestOf(shortened(LONG_TAILED), CATALOG);

describe("a plan for long-tailed lengths where memory is short", () => {
  test("recomputes some layers, and is faster than with none and with all of them", { tags: ["slow"] }, () => {
    const chosen = makePlan(longTailed);
    const none = makePlan({ ...longTailed, recompute: "none" });
    const layer = makePlan({ ...longTailed, recompute: "layer" });
    const recomputed = sum(chosen.stages.map(({ recomputedLayers }) => recomputedLayers));
    expect(recomputed).toBeGreaterThan(0);
    expect(recomputed).toBeLessThan(80);
    expect(seconds(chosen)).toBeLessThan(seconds(none));
    expect(seconds(chosen)).toBeLessThan(seconds(layer));
    for (const [stage, { total }] of chosen.memory.entries())
      expect(total).toBeLessThanOrEqual(chosen.devices[stage]!.memoryBytes!);
  });

  test("says that memory binds, on which device, and what more room would give", () => {
    const { explanation } = reasonedPlan({ ...longTailed, recompute: "none" });
    expect(explanation.binding!.device).toMatch(/^g[0-3]$/);
    expect(explanation.binding!.unboundInFlight).toBeGreaterThan(explanation.binding!.inFlight);
    expect(explanation.binding!.slowdown).toBeGreaterThan(0.1);
    expect(explanation.ways[0]!.state).toBe("chosen");
    const times = explanation.ways.slice(1).flatMap((way) => way.seconds ?? []);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});

test("a plan that only the lowest limit and all layers recomputed make fit is found", () => {
  const one = { ...longTailed, pipelines: 1, groups: "unfused" } as const;
  const least = makePlan({ ...one, recompute: "layer", maxInFlight: 1 });
  const memoryBytes = Math.max(...least.memory.map(({ total }) => total));
  const devices = one.devices.map((device) => ({ ...device, memoryBytes }));
  expect(Math.max(...makePlan({ ...one, devices }).memory.map(({ total }) => total))).toBeLessThanOrEqual(memoryBytes);
});

describe("what a request fixes", () => {
  const seeds = Array.from({ length: 8 }, (_, seed) => seed);
  test.each(seeds)("stays fixed, in random case %i", (seed) => {
    const request = requestOf(shortened(randomCase(seed)), CATALOG);
    const numJobs = request.jobs.length;
    const sized = request.jobs.map((job) => ({ ...job, microBatchSize: 2 }));
    const plan = makePlan({ ...request, jobs: sized, pipelines: 1, groups: 1, maxInFlight: 3, recompute: "layer" });
    expect(plan.groups).toHaveLength(1);
    expect(plan.pipelines).toHaveLength(1);
    expect(Math.max(...plan.maxInFlight!.map((count) => count ?? 0))).toBeLessThanOrEqual(3);
    for (const { recomputedLayers, firstLayer, endLayer } of plan.stages)
      expect(recomputedLayers).toBe(endLayer - firstLayer);
    for (const { rows } of plan.microBatches) expect(rows).toHaveLength(2 * numJobs);
  });

  test("left open, is chosen the same each time", () => {
    const request = requestOf(shortened(randomCase(3)), CATALOG);
    expect(canonicalJson(makePlan(request))).toBe(canonicalJson(makePlan(request)));
  });
});
