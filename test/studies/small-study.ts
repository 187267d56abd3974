import { LONG_TAILED, type PlanningCase, requestOf } from "../../bench/planning-cases.ts";
import { CATALOG, createCostModel, makePlan, sealPlan } from "../../plan/index.ts";
import { predictPlan, simulate } from "../../sim/index.ts";
import { compareStrategies } from "../../studies/index.ts";

const SMALL: PlanningCase = {
  ...LONG_TAILED,
  numDevices: 2,
  model: "llama-2-7b",
  jobs: { ...LONG_TAILED.jobs, numJobs: 2, steps: 3 },
};

/** A small workload planned, simulated, and trained in every other way, as text. */
export function smallStudy(): string {
  const request = requestOf(SMALL, CATALOG);
  const { body } = predictPlan(makePlan(request));
  const plan = sealPlan(body, { model: null, data: {}, init: {} });
  const trace = simulate({ plan, planHash: plan.hash, costModel: createCostModel(plan.calibration, plan.model.dtype) });
  return JSON.stringify({ plan, trace, strategies: compareStrategies(request) });
}
