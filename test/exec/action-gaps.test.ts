import { describe, expect, it } from "vitest";
import { actionGaps } from "../../exec/action-gaps.ts";
import { simulate } from "../../sim/index.ts";
import { smallPlan } from "../sim/small-plan.ts";
import { secondsPerToken } from "../sim/virtual-time.ts";

describe("actionGaps", () => {
  it("is what a device needs between two actions, without the times in which it waited for a message", () => {
    const plan = smallPlan({
      orders: ["F0 F1 B0 B1", "F0 B0 F1 B1"],
      microBatches: [{ tokens: 4 }, { tokens: 1, part: 1 }],
    });
    const { events } = simulate({ plan, planHash: "", costModel: { ...secondsPerToken(0), gapSeconds: 0.5 } });
    // Stage 0: F0 to F1; its backwards wait. Stage 1: F0 to B0, B0 to F1, whose message left before B0 began, and F1 to
    // B1.
    expect(actionGaps(plan, events)).toEqual([0.5, 0.5, 0.5, 0.5]);
  });

  it("has none for a single action", () => {
    const plan = smallPlan({ orders: ["F0"], microBatches: [{ tokens: 4 }] });
    expect(actionGaps(plan, simulate({ plan, planHash: "", costModel: secondsPerToken(0) }).events)).toEqual([]);
  });
});
