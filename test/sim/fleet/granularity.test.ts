import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mean } from "../../../core/index.ts";
import { createCostModel, settingOf } from "../../../plan/index.ts";
import { simulate, simulateFleet, worksOfPlan } from "../../../sim/index.ts";
import { planSmall, type SmallJob, smallCase } from "../../exec/small-run.ts";

const job = fc.record({
  rank: fc.integer({ min: 1, max: 8 }),
  steps: fc.integer({ min: 20, max: 60 }),
  batchSize: fc.constantFrom(2, 4),
  microBatchSize: fc.constantFrom(1, 2),
  length: fc.integer({ min: 6, max: 60 }),
  spread: fc.integer({ min: 1, max: 40 }),
});

describe("a fleet, iteration by iteration", () => {
  it("ends its jobs when a simulation of every action does, where all are there from the start", {
    tags: ["slow"],
  }, () => {
    const errors: number[] = [];
    fc.assert(
      fc.property(fc.array(job, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 3 }), (jobs, numDevices) => {
        const devices = `unit*${numDevices}`;
        const plan = planSmall(smallCase(jobs as readonly SmallJob[]), { devices, groups: "unfused" });
        const costs = createCostModel(plan.calibration, "float32");
        const { events } = simulate({ plan, planHash: "", costModel: costs });
        const ends = plan.jobs.map((_, index) => {
          const own = new Set(plan.microBatches.flatMap(({ group, index: at }) => (group === index ? [at] : [])));
          const updates = events.filter(
            ({ letter, stage, microBatch }) => letter === "U" && stage === 0 && own.has(microBatch),
          );
          return Math.max(...updates.map(({ startNs, durationNs }) => startNs + durationNs));
        });
        const arrival = { user: "", arrivalNs: 0, deadlineNs: null };
        const members = worksOfPlan(plan).map((work) => ({ work, arrival }));
        const { outcomes } = simulateFleet({
          setting: { ...settingOf(plan), slots: "first-fit" },
          costs,
          members,
          policy: "fifo",
        });
        outcomes.forEach(({ endNs }, index) => {
          errors.push(Math.abs(endNs! / ends[index]! - 1));
        });
      }),
      { numRuns: 20, seed: 7 },
    );
    // The worst are of a few steps on three devices, of which the first and the last fill and drain the pipeline.
    expect(mean(errors)).toBeLessThan(0.01);
    expect(Math.max(...errors)).toBeLessThan(0.1);
  });
});
