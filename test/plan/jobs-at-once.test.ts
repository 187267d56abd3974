import { describe, expect, test } from "vitest";
import { LONG_TAILED, requestOf } from "../../bench/planning-cases.ts";
import { CATALOG, makePlan, type PlanBody, type PlanRequest, planOrders, reasonedPlan } from "../../plan/index.ts";
import { jobsAtOnce, mostResident, residentsOf } from "../../plan/memory/residents.ts";
import { predictPlan } from "../../sim/index.ts";
import { unitRequest } from "./unit-plan.ts";

function seconds(plan: PlanBody): number {
  return predictPlan(plan).body.predicted.makespanSeconds;
}

/** Jobs whose adapters each stage holds at most. */
function mostOfStages(plan: PlanBody): readonly number[] {
  return planOrders(plan).map((order) => mostResident(residentsOf(order, plan), () => 1).length);
}

describe("a limit on the jobs that train at once", () => {
  const five = { ...unitRequest({ numDevices: 3, numJobs: 5, parts: 3, steps: 4 }), groups: "unfused" } as const;

  test("is kept on every stage, and room for adapters is planned for so many", () => {
    const all = makePlan(five);
    expect(mostOfStages(all)).toEqual([5, 5, 5]);
    for (const limit of [1, 2, 3, 4]) {
      const plan = makePlan({ ...five, jobsAtOnce: limit });
      expect(mostOfStages(plan)).toEqual([limit, limit, limit]);
      expect(plan.memory.map(({ adapters }) => adapters)).toEqual(
        all.memory.map(({ adapters }) => (limit * adapters) / 5),
      );
      expect(jobsAtOnce(plan)).toBe(limit);
    }
  });

  test("lets the next job begin when one ends, while the others go on", () => {
    const plan = makePlan({ ...five, jobsAtOnce: 3 });
    // Three stages that three jobs keep busy: what is left is that the last of five jobs ends with fewer beside it.
    const draining = 3 + 3 * 4 * 3 * 5;
    expect(seconds(plan)).toBeLessThan(1.35 * draining);
    expect(seconds(makePlan({ ...five, jobsAtOnce: 1 }))).toBeGreaterThan(seconds(plan));
  });

  test("above the number of jobs is none", () => {
    expect(makePlan({ ...five, jobsAtOnce: 9 })).toEqual(makePlan(five));
    expect(makePlan({ ...five, jobsAtOnce: "all" })).toEqual(makePlan(five));
  });

  test("is refused where a group that was asked for has more jobs", () => {
    expect(() => makePlan({ ...five, groups: 2, jobsAtOnce: 2 })).toThrow(
      "Expected at least 3, the jobs of the largest group, at --jobs-at-once, got 2",
    );
  });
});

describe("left open, the jobs that train at once", () => {
  const jobs = { ...LONG_TAILED.jobs, numJobs: 20, rank: 32, steps: 6 };
  const many: PlanRequest = { ...requestOf({ ...LONG_TAILED, jobs }, CATALOG), pipelines: 1 };

  test("are fewer where adapters take the memory that micro-batches need, and that is faster", {
    tags: ["slow"],
    timeout: 120_000,
  }, () => {
    const { body, explanation } = reasonedPlan({ ...many, jobsAtOnce: "auto" });
    expect(jobsAtOnce(body)).toBeLessThan(20);
    expect(explanation.ways[0]!.jobsAtOnce).toBe(jobsAtOnce(body));
    expect(seconds(body)).toBeLessThan(0.95 * seconds(makePlan({ ...many, jobsAtOnce: "all" })));
  });

  test("are all of them where memory is no matter", () => {
    const devices = many.devices.map((device) => ({ ...device, memoryBytes: null }));
    expect(jobsAtOnce(makePlan({ ...many, devices, jobsAtOnce: "auto" }))).toBe(20);
  }, 120_000);

  test("are fewer where all do not fit at all", { tags: ["slow"], timeout: 120_000 }, () => {
    const one = makePlan({ ...many, recompute: "layer", jobsAtOnce: 1, maxInFlight: 1 });
    const memoryBytes = Math.max(...one.memory.map(({ total }) => total)) + 2 ** 30;
    const devices = many.devices.map((device) => ({ ...device, memoryBytes }));
    const short = { ...many, devices, recompute: "layer" } as const;
    expect(() => makePlan({ ...short, jobsAtOnce: "all" })).toThrow("a plan that fits into the devices' memory");
    expect(jobsAtOnce(makePlan({ ...short, jobsAtOnce: "auto" }))).toBeLessThan(10);
  });
});
