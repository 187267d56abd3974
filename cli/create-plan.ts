import { type Plan, type PlanExplanation, sealPlan } from "../plan/index.ts";
import { planAndPredict } from "../sim/index.ts";
import type { TraceStream } from "../traces/index.ts";
import type { Arguments } from "./command.ts";
import type { Io } from "./io.ts";
import { loadRequest, planChoices } from "./load-request.ts";
import type { LoadedWorkload } from "./load-workload.ts";
import { note } from "./output.ts";
import { requirePlanSchedule } from "./simulate-comparison.ts";

export interface CreatedPlan {
  readonly plan: Plan;
  readonly loaded: LoadedWorkload;
  /** The run behind the plan's prediction. */
  readonly simulated: TraceStream;
  readonly explanation: PlanExplanation;
  /** Whether its times come from nominal figures, since nobody gave others. */
  readonly isNominal: boolean;
}

/** Says of a plan's times that nobody measured them, where that is so. */
export function noteNominal(io: Io, args: Arguments, { isNominal }: CreatedPlan): void {
  if (isNominal) note(io, args, "no calibration given: times are from nominal figures; `loratwin calibrate` measures.");
}

/** Plans a workload file as the options say. @throws InputError, PlanError */
export async function createPlan(io: Io, args: Arguments, file: string): Promise<CreatedPlan> {
  requirePlanSchedule(args);
  const { request, loaded, isNominal, placed } = await loadRequest(io, args, file, planChoices(args));
  try {
    const { body, trace, explanation } = planAndPredict(request);
    const plan = sealPlan(body, loaded.locations);
    return { plan, loaded, simulated: { ...trace, planHash: plan.hash }, explanation, isNominal };
  } catch (error) {
    throw placed(error);
  }
}
