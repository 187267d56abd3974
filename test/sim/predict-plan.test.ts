import fc from "fast-check";
import { expect, test } from "vitest";
import { SCHEDULES } from "../../plan/index.ts";
import { predictPlan } from "../../sim/index.ts";
import { runMetrics } from "../../traces/index.ts";
import { unitPlan } from "../plan/unit-plan.ts";
import { joinedPlans } from "./joined-plans.ts";

const options = fc.record({
  schedule: fc.constantFrom(...SCHEDULES),
  numDevices: fc.integer({ min: 1, max: 4 }),
  numJobs: fc.integer({ min: 1, max: 4 }),
  parts: fc.integer({ min: 1, max: 3 }),
  steps: fc.integer({ min: 1, max: 9 }),
  transfer: fc.constantFrom(0, 0.25),
  update: fc.constantFrom(0, 0.5),
});
const plans = fc.oneof(
  options.map((each) => unitPlan(each)),
  joinedPlans.map(({ whole }) => whole),
);

test("what is predicted of a plan are the numbers of its trace", () => {
  fc.assert(
    fc.property(plans, (plan) => {
      const { body, trace } = predictPlan(plan);
      const { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal } = runMetrics(
        { ...plan, hash: "" },
        trace,
      );
      const { peakMemoryBytes: _memory, ...predicted } = body.predicted;
      expect(predicted).toEqual({ makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal });
    }),
    { numRuns: 20 },
  );
});
