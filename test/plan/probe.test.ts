import fc from "fast-check";
import { expect, test } from "vitest";
import { createCostModel, SCHEDULES } from "../../plan/index.ts";
import { candidateOf } from "../../plan/planner/candidate.ts";
import { NO_LIMITS } from "../../plan/planner/order-draft.ts";
import { probeOf } from "../../plan/planner/probe.ts";
import { unitRequest } from "./unit-plan.ts";

const work = fc.record({
  numDevices: fc.integer({ min: 1, max: 4 }),
  numJobs: fc.integer({ min: 1, max: 6 }),
  parts: fc.integer({ min: 1, max: 3 }),
  steps: fc.integer({ min: 1, max: 40 }),
  update: fc.constantFrom(0, 0.5),
  transfer: fc.constantFrom(0, 0.25),
});

test("no order of a probe, nor the whole run that follows from it, takes less than is known without an order", () => {
  fc.assert(
    fc.property(
      work,
      fc.constantFrom(...SCHEDULES),
      fc.integer({ min: 1, max: 6 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (options, schedule, groups, effort) => {
        const planned = unitRequest({ ...options, schedule });
        const request = { ...planned, schedule, costModel: createCostModel(planned.calibration, planned.dtype) };
        const probe = probeOf(request, effort);
        const choice = { numGroups: Math.min(groups, options.numJobs), cutTokens: null, jobsAtOnce: null };
        const candidate = candidateOf(request, choice, { stepsOf: probe.stepsOf });
        const { ordered } = candidate.within(NO_LIMITS);
        expect(probe.leastNs(options.numDevices, candidate.busyOn())).toBeLessThanOrEqual(probe.wholeNs(ordered));
      },
    ),
    { numRuns: 40 },
  );
});
