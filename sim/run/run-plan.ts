import { actionDurations, type CostModel, type PlanBody } from "../../plan/index.ts";
import { PlanRun, type Run, type RunTimes } from "./plan-run.ts";

/** What a cost model says of devices beside the times of actions and messages. */
export function deviceTimes({ contention, gapSeconds = 0 }: CostModel): Pick<RunTimes, "contention" | "gapNs"> {
  return { ...(contention === undefined ? {} : { contention }), gapNs: Math.round(gapSeconds * 1e9) };
}

/** A whole plan in virtual time (`PlanRun`). @throws PlanError when no action can go on and some are left */
export function runPlan(plan: PlanBody, costModel: CostModel): Run {
  return runWithTimes(plan, {
    links: costModel,
    action: actionDurations(plan, costModel),
    ...deviceTimes(costModel),
  });
}

/** `runPlan` with times of each single action. @throws PlanError when no action can go on and some are left */
export function runWithTimes(plan: PlanBody, times: RunTimes): Run {
  return new PlanRun(plan, times).finish();
}
