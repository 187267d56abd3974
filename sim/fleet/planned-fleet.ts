import { InputError } from "../../core/index.ts";
import {
  checkJobs,
  createCostModel,
  cutWork,
  type FleetWork,
  fleetSetting,
  leavesCutOpen,
  type PlanRequest,
  plannedJob,
  type ReasonedPlan,
  type Setting,
  standIns,
} from "../../plan/index.ts";
import { planUnpredicted } from "../predict-plan.ts";
import type { FleetSetting } from "./fleet-model.ts";
import type { FleetMember, SimulatedFleet } from "./simulate-fleet.ts";

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
  { user = "", deadlineSeconds }: Pick<PlanRequest["jobs"][number], "user" | "deadlineSeconds">,
  arrivalSeconds: number,
): FleetMember["arrival"] {
  return {
    user,
    arrivalNs: Math.round(arrivalSeconds * 1e9),
    deadlineNs: deadlineSeconds === undefined ? null : Math.round((arrivalSeconds + deadlineSeconds) * 1e9),
  };
}

/** The plan that a fleet has its pipelines of, and what its jobs train. */
export interface PlanOfFleet extends ReasonedPlan {
  readonly works: readonly FleetWork[];
}

/**
 * The plan that a fleet has its pipelines, its stages and the room for adapters of: jobs of all kinds of a request there
 * from the start (`standIns`), each in a group of its own. @throws InputError, PlanError as `planAndPredict`
 */
export function fleetPlan(given: PlanRequest): PlanOfFleet {
  const atOnce = { ...given, jobs: given.jobs.map((job) => ({ ...job, arrivalSeconds: 0 })) };
  checkJobs(atOnce);
  const { request, of } = standIns(atOnce);
  const plan = planUnpredicted({ ...request, groups: "unfused" });
  const works = given.jobs.map((job, index) => {
    const rows = given.rows[index]!;
    const { microBatchTokens } = plan.body.jobs[of[index]!]!;
    return cutWork(plannedJob(job, rows, leavesCutOpen(job) ? { microBatchTokens } : job), rows);
  });
  return { ...plan, works };
}

/** The pipelines of a fleet's plan, with room for all of its jobs. @throws PlanError where there is too little memory */
export function settingOfFleet({ body, works }: PlanOfFleet, { jobsAtOnce }: Pick<PlanRequest, "jobsAtOnce">): Setting {
  return fleetSetting(body, { works, ...(typeof jobsAtOnce === "number" ? { jobsAtOnce } : {}) });
}

/** The jobs of a request as they come (`arrivalSeconds`), in the fleet of its plan (`fleetPlan`). @throws PlanError */
export function plannedFleet(request: PlanRequest, plan: PlanOfFleet): PlannedFleet {
  const { jobs, jobsAtOnce } = request;
  const { body, works } = plan;
  return {
    setting: settingOfFleet(plan, request),
    costs: createCostModel(body.calibration, body.model.dtype),
    members: jobs.map((job, index) => ({ work: works[index]!, arrival: arrivalOf(job, job.arrivalSeconds) })),
    ...(typeof jobsAtOnce === "number" ? { most: jobsAtOnce } : {}),
  };
}

/** A simulated fleet as `simulate --policy --json` prints it. */
export function fleetDocument({ policy, metrics, outcomes, mostStates, numCohorts }: SimulatedFleet) {
  return { policy, ...metrics, jobs: outcomes, mostStates, numCohorts };
}
