import { expect, test } from "vitest";
import { createCostModel } from "../../plan/index.ts";
import { simulate } from "../../sim/index.ts";
import { unitPlan } from "../plan/unit-plan.ts";

test("one micro-batch at a time takes the sum of all its passes and messages", () => {
  const [numDevices, numJobs, parts, steps, transfer] = [3, 2, 2, 4, 0.25];
  const plan = unitPlan({ numDevices, numJobs, parts, steps, transfer, schedule: "sequential" });
  const { events } = simulate({ plan, planHash: "", costModel: createCostModel(plan.calibration, plan.model.dtype) });
  const ends = events
    .filter(({ stream }) => stream === "compute")
    .map(({ startNs, durationNs }) => startNs + durationNs);
  const microBatches = numJobs * parts * steps;
  expect(Math.max(...ends) / 1e9).toBeCloseTo(microBatches * (3 * numDevices + 2 * transfer * (numDevices - 1)), 9);
});
