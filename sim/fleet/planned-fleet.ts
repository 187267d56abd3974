import { InputError } from "../../core/index.ts";
import { createCostModel, fleetSetting, type PlanRequest } from "../../plan/index.ts";
import { planAndPredict } from "../predict-plan.ts";
import type { FleetSetting } from "./fleet-model.ts";
import { type FleetMember, type SimulatedFleet, worksOfPlan } from "./simulate-fleet.ts";

/** A workload's jobs as they come, and the pipelines that they come to. */
export type PlannedFleet = Omit<FleetSetting, "works"> & { readonly members: readonly FleetMember[] };

/** The schedule of a fleet's pipelines, where one was asked for. @throws InputError for one that jobs cannot join */
export function fleetSchedule(schedule: string): "lorapp" | "lorapp-gpipe" {
  if (schedule === "auto") return "lorapp";
  if (schedule === "lorapp" || schedule === "lorapp-gpipe") return schedule;
  throw new InputError({
    expected: "lorapp or lorapp-gpipe, which jobs can join and leave,",
    at: "--schedule",
    got: schedule,
  });
}

/** When a job comes, and by when it is to have ended; seconds of the fleet. */
export function arrivalOf(
  { user = "", deadlineSeconds }: PlanRequest["jobs"][number],
  arrivalSeconds: number,
): FleetMember["arrival"] {
  return {
    user,
    arrivalNs: Math.round(arrivalSeconds * 1e9),
    deadlineNs: deadlineSeconds === undefined ? null : Math.round((arrivalSeconds + deadlineSeconds) * 1e9),
  };
}

/**
 * The jobs of a request as they come (`arrivalSeconds`). Pipelines, stages and the room for adapters are those of a plan
 * in which all jobs are there from the start. @throws InputError, PlanError as `planAndPredict`
 */
export function plannedFleet(request: PlanRequest): PlannedFleet {
  const { jobs, jobsAtOnce } = request;
  const { body } = planAndPredict({
    ...request,
    groups: "unfused",
    jobs: jobs.map((job) => ({ ...job, arrivalSeconds: 0 })),
  });
  const works = worksOfPlan(body);
  return {
    setting: fleetSetting(body, typeof jobsAtOnce === "number" ? { jobsAtOnce } : {}),
    costs: createCostModel(body.calibration, body.model.dtype),
    members: jobs.map((job, index) => ({ work: works[index]!, arrival: arrivalOf(job, job.arrivalSeconds) })),
    ...(typeof jobsAtOnce === "number" ? { most: jobsAtOnce } : {}),
  };
}

/** A simulated fleet as `simulate --policy --json` prints it. */
export function fleetDocument({ policy, metrics, outcomes, numCohorts }: SimulatedFleet) {
  return { policy, ...metrics, jobs: outcomes, numCohorts };
}
