import type { CostModel, PlanBody } from "../plan/index.ts";
import type { TraceStream } from "../traces/index.ts";
import type { RunFigures } from "./run/run-figures.ts";

export interface SimulateOptions {
  readonly plan: PlanBody;
  /** "" for a draft that is not hashed yet. */
  readonly planHash: string;
  readonly costModel: CostModel;
  /** The calibration behind `costModel`; the plan's own when absent. */
  readonly calibrationHash?: string;
  readonly versions?: Readonly<Record<string, string>>;
}

/** A run, as a trace and as numbers. */
export interface SimulatedRun<T extends TraceStream = TraceStream> {
  readonly trace: T;
  readonly figures: RunFigures;
}
