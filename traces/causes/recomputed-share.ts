import { actionDurations, BACKWARD, createCostModel, type PlanBody } from "../../plan/index.ts";

/** Of the time of a backward, what recomputation takes, by the plan's costs. */
export type RecomputedShare = (stage: number, microBatch: number) => number;

export function recomputedShares(plan: PlanBody): RecomputedShare {
  if (plan.stages.every(({ recomputedLayers }) => recomputedLayers === 0)) return () => 0;
  const costModel = createCostModel(plan.calibration, plan.model.dtype);
  const kept = { ...plan, stages: plan.stages.map((stage) => ({ ...stage, recomputedLayers: 0 })) };
  const [durations, without] = [actionDurations(plan, costModel), actionDurations(kept, costModel)];
  return (stage, microBatch) => {
    const ns = durations(stage, BACKWARD, microBatch);
    return ns === 0 ? 0 : Math.min(1, Math.max(0, 1 - without(stage, BACKWARD, microBatch) / ns));
  };
}
