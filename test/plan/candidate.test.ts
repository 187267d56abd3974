import { expect, test } from "vitest";
import { createCostModel } from "../../plan/index.ts";
import { candidateOf } from "../../plan/planner/candidate.ts";
import { NO_LIMITS } from "../../plan/planner/order-draft.ts";
import { unitRequest } from "./unit-plan.ts";

test("a candidate's costs are asked for once, however often it is ordered", () => {
  const asked = { actions: 0, links: 0 };
  const request = unitRequest({ numDevices: 2, numJobs: 2, parts: 2, steps: 4 });
  const costModel = createCostModel(request.calibration, request.dtype);
  const counted = {
    ...costModel,
    actionSeconds(action: Parameters<typeof costModel.actionSeconds>[0]) {
      asked.actions += 1;
      return costModel.actionSeconds(action);
    },
    linkCost(link: Parameters<typeof costModel.linkCost>[0]) {
      asked.links += 1;
      return costModel.linkCost(link);
    },
  };
  const choice = { numGroups: 2, cutTokens: null, jobsAtOnce: null };
  const candidate = candidateOf({ ...request, schedule: "lorapp", costModel: counted }, choice);
  const unlimited = candidate.within(NO_LIMITS);
  const before = { ...asked };
  const single = candidate.within({ count: 1, units: null });
  expect(asked).toEqual(before);
  expect(single.ordered.timeline.makespanNs).toBeGreaterThan(unlimited.ordered.timeline.makespanNs);
  const [first, second] = candidate.draft.stages;
  candidate.within(NO_LIMITS, [{ ...first!, recomputedLayers: 1 }, second!]);
  expect(asked.links).toBe(before.links);
  expect(asked.actions).toBeLessThan(2 * before.actions);
});
