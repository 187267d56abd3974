import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PlanError } from "../../core/index.ts";
import { createCostModel, type PlanBody, type PlanRequest } from "../../plan/index.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { searchChain } from "../../plan/planner/search.ts";
import { predictPlan } from "../../sim/index.ts";
import { type UnitPlanOptions, unitPlan, unitRequest } from "./unit-plan.ts";

/** Rows of very different lengths, in micro-batches that take as long as they have tokens. */
const UNEVEN = {
  lengths: { distribution: "lognormal", mean: 100, sigma: 0.8, min: 1, max: 400 },
  perTokens: 100,
} as const satisfies Partial<UnitPlanOptions>;

function seconds(plan: PlanBody): number {
  return predictPlan(plan).body.predicted.makespanSeconds;
}

describe("the number of groups", () => {
  test("is that of the devices where an action takes the same time whatever is in it, so that sharing saves most", () => {
    const groups = (numDevices: number, numJobs: number): number =>
      unitPlan({ numDevices, numJobs, parts: 1, steps: 3 }).groups.length;
    expect([groups(1, 6), groups(2, 6), groups(4, 6), groups(4, 4), groups(4, 3)]).toEqual([1, 2, 4, 4, 3]);
  });

  test("is larger where groups of unequal micro-batches would wait for each other, and saves what they wait", () => {
    const options = { ...UNEVEN, numDevices: 4, numJobs: 16, parts: 2, steps: 12 };
    const chosen = unitPlan(options);
    const oneADevice = unitPlan({ ...options, groups: 4 });
    expect(chosen.groups.length).toBeGreaterThan(4);
    expect(seconds(oneADevice) / seconds(chosen)).toBeGreaterThan(1.03);
  });

  test("costs little next to the best of those that it is chosen from, in whole runs of which it knows the first steps", {
    tags: ["slow"],
  }, () => {
    fc.assert(
      fc.property(
        fc.record({
          numDevices: fc.integer({ min: 1, max: 4 }),
          numJobs: fc.integer({ min: 2, max: 12 }),
          parts: fc.integer({ min: 1, max: 3 }),
          steps: fc.integer({ min: 6, max: 16 }),
          update: fc.constantFrom(0, 0.2),
        }),
        (drawn) => {
          const options = { ...UNEVEN, ...drawn };
          const counts = [1, 2, 4].map((factor) => Math.min(options.numJobs, factor * options.numDevices));
          const times = [...counts, options.numJobs].map((groups) => seconds(unitPlan({ ...options, groups })));
          // 3 % that more groups have to save, and what steps differ by that the choice does not see.
          expect(seconds(unitPlan(options))).toBeLessThanOrEqual(1.05 * Math.min(...times));
        },
      ),
      { numRuns: 60, seed: 11 },
    );
  });

  test("grows until the plan fits into memory, unless it is asked for", () => {
    const options = { numDevices: 2, numJobs: 8, parts: 1, steps: 2, lengths: 512 };
    const need = unitPlan({ ...options, groups: 4 }).memory.map(({ total }) => total);
    const request = unitRequest(options);
    const devices = request.devices.map((device, i) => ({ ...device, memoryBytes: need[i]! }));
    const plan = makePlan({ ...request, devices });
    expect(plan.groups).toHaveLength(4);
    expect(plan.memory.map(({ total }) => total)).toEqual(need);
    expect(() => makePlan({ ...request, devices, groups: 2 })).toThrow(PlanError);
  });

  describe("where the whole run of the fastest way has more actions than a plan may have", () => {
    // Micro-batches that take as long as they have tokens: sharing them saves nothing, and each job alone is the fastest.
    const options = { ...UNEVEN, numDevices: 2, numJobs: 8, parts: 1, steps: 4 };
    const numGroups = (more: Partial<PlanRequest>, mostActions?: number): number => {
      const request = { ...unitRequest(options), ...more };
      const costModel = createCostModel(request.calibration, request.dtype);
      const { chosen } = searchChain(
        { ...request, schedule: "lorapp", costModel },
        mostActions === undefined ? {} : { mostActions },
      );
      return chosen.candidate.choice.numGroups;
    };
    const most = 2 * 2 * 8 * 4;

    test("is one with which it has not", () => {
      const free = numGroups({});
      expect(numGroups({}, (most * free) / 8 - 1)).toBeLessThan(free);
    });

    test("stays what it is asked to be, and jobs that are not to share micro-batches do not", () => {
      expect(numGroups({ groups: "unfused" }, most / 2)).toBe(8);
      expect(numGroups({ groups: 6 }, most / 2)).toBe(6);
    });
  });
});
