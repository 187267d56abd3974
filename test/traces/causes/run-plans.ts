import fc from "fast-check";
import { createCostModel, type Plan, type PlanBody, SCHEDULES, sealPlan } from "../../../plan/index.ts";
import { simulate } from "../../../sim/index.ts";
import type { TraceStream } from "../../../traces/index.ts";
import { unitPlan } from "../../plan/unit-plan.ts";
import { joinedPlans } from "../../sim/joined-plans.ts";

export function sealed(body: PlanBody): Plan {
  return sealPlan(body, { model: null, data: {}, init: {} });
}

export function runOf(body: PlanBody): { readonly plan: Plan; readonly trace: TraceStream } {
  const plan = sealed(body);
  const costModel = createCostModel(plan.calibration, plan.model.dtype);
  return { plan, trace: simulate({ plan, planHash: plan.hash, costModel }) };
}

/** The plan with links whose messages hold their senders, or take the compute streams of both sides. */
function withTransfers(plan: PlanBody, transfers: "overlapped" | "synchronous" | "blocking"): PlanBody {
  if (transfers === "overlapped") return plan;
  return { ...plan, links: plan.links.map((link) => link && { ...link, transfers }) };
}

const unitPlans = fc
  .record({
    schedule: fc.constantFrom(...SCHEDULES),
    numDevices: fc.integer({ min: 1, max: 5 }),
    numJobs: fc.integer({ min: 1, max: 4 }),
    parts: fc.integer({ min: 1, max: 4 }),
    steps: fc.integer({ min: 1, max: 5 }),
    forward: fc.constantFrom(0.3, 1),
    transfer: fc.constantFrom(0, 0.1, 0.7, 3),
    update: fc.constantFrom(0, 0.2),
    maxInFlight: fc.constantFrom("auto" as const, "none" as const, 4),
    groups: fc.constantFrom("auto" as const, "unfused" as const),
    perTokens: fc.constant(16),
    clips: fc.boolean(),
    transfers: fc.constantFrom("overlapped" as const, "synchronous" as const, "blocking" as const),
  })
  .map(({ transfers, clips, ...options }) =>
    withTransfers(
      unitPlan({
        ...options,
        ...(clips ? { maxGradNorm: 1 } : {}),
        lengths: { distribution: "uniform", min: 2, max: 99 },
      }),
      transfers,
    ),
  );

/** Plans of one pipeline and of several, of all schedules, over links of all sorts. */
export const anyPlans: fc.Arbitrary<PlanBody> = fc.oneof(
  { weight: 3, arbitrary: unitPlans },
  { weight: 1, arbitrary: joinedPlans.map(({ whole }) => whole) },
);
