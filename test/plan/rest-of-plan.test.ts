import { expect, it } from "vitest";
import { restOfPlan } from "../../plan/index.ts";
import { unitPlan } from "./unit-plan.ts";

it.each([
  { schedule: "gpipe", numDevices: 3, done: [3, 3] },
  { schedule: "lorapp", numDevices: 3, done: [3, 4] },
  { schedule: "1f1b", numDevices: 4, done: [3, 1] },
] as const)("the rest of a plan has no fewer buffers than the plan, $schedule", ({ schedule, numDevices, done }) => {
  // The last steps have fewer micro-batches in flight than those before.
  const plan = unitPlan({ numDevices, numJobs: 2, parts: 4, steps: 4, schedule, groups: "unfused", transfer: 3 });
  const rest = restOfPlan(plan, done)!;
  expect(rest.microBatches.length).toBeLessThan(plan.microBatches.length);
  rest.buffers.forEach((buffers, stage) => {
    const before = plan.buffers[stage]!;
    expect(buffers.activationIn).toBeGreaterThanOrEqual(before.activationIn);
    expect(buffers.gradientIn).toBeGreaterThanOrEqual(before.gradientIn);
    expect([buffers.activationOut, buffers.gradientOut]).toEqual([before.activationOut, before.gradientOut]);
  });
});
