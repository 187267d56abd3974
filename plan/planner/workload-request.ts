import type { Workload } from "../documents/workload.ts";
import type { PlanRequest } from "./request.ts";

/** What may be chosen of a plan beside its workload; what is absent is the workload's, or the planner's to choose. */
export type PlanChoices = Partial<
  Pick<PlanRequest, "schedule" | "maxInFlight" | "groups" | "recompute" | "pipelines" | "jobsAtOnce" | "layersPerStage">
>;

/** What a workload's plan rests on beside its text. */
export type RequestParts = Pick<
  PlanRequest,
  "architecture" | "dtype" | "modelDigest" | "rows" | "devices" | "links" | "calibration"
>;

/** The one request behind plans, simulations and strategies of a workload. */
export function workloadRequest(
  { jobs, recompute }: Pick<Workload, "jobs" | "recompute">,
  parts: RequestParts,
  choices: PlanChoices = {},
): PlanRequest {
  return {
    ...parts,
    recompute,
    jobs,
    schedule: "auto",
    maxInFlight: "auto",
    pipelines: "auto",
    jobsAtOnce: "auto",
    groups: "auto",
    ...choices,
  };
}
