import { describe, expect, it } from "vitest";
import { medianActions } from "../../bench/median-actions.ts";
import type { Nanos } from "../../core/index.ts";
import { constantCalibration, createCostModel } from "../../plan/index.ts";
import { simulate } from "../../sim/index.ts";
import { smallPlan } from "../sim/small-plan.ts";

describe("medianActions", () => {
  it("gives each action and message its median over the traces", () => {
    const plan = smallPlan({ orders: ["F0 B0"], microBatches: [{ tokens: 1 }] });
    const trace = simulate({
      plan,
      planHash: "sha256:1",
      costModel: createCostModel(constantCalibration(), "float32"),
    });
    const slower = (factor: number): typeof trace => ({
      ...trace,
      events: trace.events.map((event) => ({ ...event, durationNs: (event.durationNs * factor) as Nanos })),
    });
    const middle = medianActions([slower(9), slower(1), slower(2)]);
    for (const [index, event] of trace.events.entries())
      expect(middle.events[index]!.durationNs).toBe(event.durationNs * 2);
  });
});
