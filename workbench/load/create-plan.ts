import type { Context, FileOrDocument } from "../../files/index.ts";
import { type Plan, type PlanExplanation, sealPlan } from "../../plan/index.ts";
import { planAndPredict } from "../../sim/index.ts";
import { runMetrics, type TraceStream } from "../../traces/index.ts";
import { overBudget } from "../predict/planned-costs.ts";
import { loadRequest, type RequestChoice } from "./load-request.ts";
import type { LoadedWorkload } from "./load-workload.ts";
import { restOfRequest } from "./rest-of-request.ts";

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
export function noteNominal(context: Context, { isNominal }: CreatedPlan): void {
  if (isNominal) context.note("no calibration given: times are from nominal figures; `loratwin calibrate` measures.");
}

/**
 * Plans a workload file. `done`: steps that its jobs have made in an earlier part of a run, by name; the plan is for
 * those that are left. @throws InputError, PlanError
 */
export async function createPlan(
  context: Context,
  file: FileOrDocument,
  choice: RequestChoice,
  done?: ReadonlyMap<string, number>,
): Promise<CreatedPlan> {
  const read = await loadRequest(context, file, choice);
  const { isNominal, placed } = read;
  try {
    const left = done === undefined ? undefined : restOfRequest(read.request, read.loaded.data, done);
    const request = left?.request ?? read.request;
    const loaded = left === undefined ? read.loaded : { ...read.loaded, data: left.data };
    const { body, trace, explanation } = await context.during("planning", () => planAndPredict(request));
    const plan = sealPlan(body, loaded.locations);
    const simulated = { ...trace, planHash: plan.hash };
    const { workload } = loaded;
    if (workload.users !== undefined || workload.jobs.some(({ maxCost }) => maxCost !== undefined))
      for (const problem of overBudget(workload, runMetrics(plan, simulated).jobs)) context.warn(problem);
    return { plan, loaded, simulated, explanation, isNominal };
  } catch (error) {
    throw placed(error);
  }
}
