import { describe, expect, it } from "vitest";
import { createCostModel, fleetSetting } from "../../../plan/index.ts";
import { simulateFleet, worksOfPlan } from "../../../sim/index.ts";
import { planSmall, smallCase } from "../../exec/small-run.ts";

describe("jobs that share micro-batches", () => {
  it("end earlier than in micro-batches of their own, which are half empty", () => {
    // Rows of 10 and 50 tokens in turn, one a micro-batch: a forward takes a second whatever is in it.
    const jobs = [0, 1, 2, 3].map(() => ({ steps: 10, batchSize: 4, microBatchSize: 1, length: 10, spread: 41 }));
    const plan = planSmall(smallCase(jobs), { devices: "unit*2", groups: "unfused" });
    const costs = createCostModel(plan.calibration, "float32");
    const arrival = { user: "", arrivalNs: 0, deadlineNs: null };
    const members = worksOfPlan(plan).map((work) => ({ work, arrival }));
    const fleet = { setting: fleetSetting(plan), costs, members };
    const alone = simulateFleet({ ...fleet, policy: "fifo" });
    const shared = simulateFleet({ ...fleet, policy: "packed" });
    expect(shared.metrics.makespanSeconds).toBeLessThan(0.8 * alone.metrics.makespanSeconds);
    for (const { ratio } of Object.values(shared.metrics.bounds!)) expect(ratio).toBeGreaterThanOrEqual(1);
    expect(simulateFleet({ ...fleet, policy: "packed" })).toEqual(shared);
    // With micro-batches that are full by themselves nothing is to be had, and nothing is lost.
    const full = simulateFleet({ ...fleet, policy: "packed", pack: ({ lengths }) => lengths.map((_, row) => [row]) });
    expect(full.metrics.makespanSeconds).toBeLessThanOrEqual(1.01 * alone.metrics.makespanSeconds);
  });
});
