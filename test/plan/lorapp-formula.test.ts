import { expect, test } from "vitest";
import { dependencyTable } from "../../plan/dependencies.ts";
import { timelineOf } from "../../plan/timeline.ts";
import { planOrders } from "../../plan/validate-plan.ts";
import { type UnitPlanOptions, unitPlan } from "./unit-plan.ts";

/** Idle share of all compute streams between stage 0's first forward of the first job's step floor(S/2) and of its last step. */
function steadyBubble(options: UnitPlanOptions & { readonly forward: number; readonly backward: number }): number {
  const plan = unitPlan(options);
  const orders = planOrders(plan);
  const duration = { F: options.forward, B: options.backward, U: 0 };
  const timeline = timelineOf(orders, dependencyTable(plan), {
    durationNs: ({ letter }) => duration[letter],
    transferNs: () => 0,
  });
  const entry = (step: number): number => {
    const first = plan.microBatches.find((microBatch) => microBatch.group === 0 && microBatch.step === step)!.index;
    return timeline.startNs[0]![
      orders[0]!.findIndex((action) => action.letter === "F" && action.microBatch === first)
    ]!;
  };
  const from = entry(Math.floor(options.steps / 2));
  const to = entry(options.steps - 1);
  let busy = 0;
  orders.forEach((order, stage) => {
    order.forEach((_, i) => {
      busy += Math.max(0, Math.min(to, timeline.endNs[stage]![i]!) - Math.max(from, timeline.startNs[stage]![i]!));
    });
  });
  return 1 - busy / ((to - from) * orders.length);
}

const RANGE = [1, 2, 3, 4, 5, 6, 7, 8];

test.each([
  [1, 2],
  [3, 3],
  [5, 3],
  [2, 7],
])(
  "lorapp without a limit has the bubble of the LoRAPP formula for all D, N, L up to 8 with Tf = %i and Tb = %i",
  (forward, backward) => {
    const wrong: string[] = [];
    for (const d of RANGE) {
      for (const n of RANGE) {
        for (const l of RANGE) {
          const bubble = steadyBubble({
            numDevices: d,
            numJobs: l,
            parts: n,
            steps: 5,
            forward,
            backward,
            groups: "unfused",
          });
          const formula = Math.max((d - 1 + n - l * n) / (d + n - 1), 0);
          if (Math.abs(bubble - formula) > 1e-12) wrong.push(`D=${d} N=${n} L=${l}: ${bubble} instead of ${formula}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  },
);
