import type { CostModel, PlanBody } from "../plan/index.ts";

export interface SimulateOptions {
  readonly plan: PlanBody;
  /** "" for a draft that is not hashed yet. */
  readonly planHash: string;
  readonly costModel: CostModel;
  /** The calibration behind `costModel`; the plan's own when absent. */
  readonly calibrationHash?: string;
  readonly versions?: Readonly<Record<string, string>>;
}
