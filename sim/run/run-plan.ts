import { type ActionDurations, actionDurations, type CostModel, type PlanBody } from "../../plan/index.ts";
import { PlanRun } from "./plan-run.ts";
import type { Run } from "./run.ts";
import type { SettingTimes } from "./setting-times.ts";

/** All times of a run, where they are not, or not only, those of a cost model. */
export interface RunTimes extends SettingTimes {
  readonly action: ActionDurations;
}

/** What a cost model says of devices beside the times of actions and messages. */
export function deviceTimes({
  contention,
  gapSeconds = 0,
  ownWork,
}: CostModel): Pick<SettingTimes, "contention" | "ownWork" | "gapNs"> {
  return {
    ...(contention === undefined ? {} : { contention }),
    ...(ownWork === undefined ? {} : { ownWork }),
    gapNs: Math.round(gapSeconds * 1e9),
  };
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
export function runWithTimes(plan: PlanBody, { action, ...times }: RunTimes): Run {
  const run = new PlanRun(plan, times);
  run.append(plan, () => action);
  return run.finish();
}
