import { InputError } from "../../core/index.ts";
import {
  budgetsOf,
  createCostModel,
  fleetSetting,
  type JobBudgets,
  NOTHING_SPENT,
  type PlanBody,
  type PlanRequest,
  type ReasonedPlan,
  type Users,
} from "../../plan/index.ts";
import { planUnpredicted } from "../predict-plan.ts";
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
  { user = "", deadlineSeconds }: Pick<PlanRequest["jobs"][number], "user" | "deadlineSeconds">,
  arrivalSeconds: number,
  budgets: JobBudgets = {},
): FleetMember["arrival"] {
  return {
    ...{ user, ...budgets },
    arrivalNs: Math.round(arrivalSeconds * 1e9),
    deadlineNs: deadlineSeconds === undefined ? null : Math.round((arrivalSeconds + deadlineSeconds) * 1e9),
  };
}

/**
 * The plan that a fleet has its pipelines, its stages and the room for adapters of: all jobs of a request there from the
 * start, each in a group of its own. @throws InputError, PlanError as `planAndPredict`
 */
export function fleetPlan(request: PlanRequest): ReasonedPlan {
  const jobs = request.jobs.map((job) => ({ ...job, arrivalSeconds: 0 }));
  return planUnpredicted({ ...request, groups: "unfused", jobs });
}

/** The jobs of a request as they come (`arrivalSeconds`), in the fleet of its plan (`fleetPlan`). @throws PlanError */
export function plannedFleet(request: PlanRequest, { body }: { readonly body: PlanBody }, users?: Users): PlannedFleet {
  const { jobs, jobsAtOnce } = request;
  const works = worksOfPlan(body);
  return {
    setting: fleetSetting(body, typeof jobsAtOnce === "number" ? { jobsAtOnce } : {}),
    costs: createCostModel(body.calibration, body.model.dtype),
    members: jobs.map((job, index) => ({
      work: works[index]!,
      arrival: arrivalOf(job, job.arrivalSeconds, budgetsOf(job, users, body.devices, `jobs[${index}]`)),
    })),
    ...(typeof jobsAtOnce === "number" ? { most: jobsAtOnce } : {}),
  };
}

/** A simulated fleet as `simulate --policy --json` prints it. */
export function fleetDocument({ policy, metrics, outcomes, spent, numCohorts }: SimulatedFleet) {
  const jobs = outcomes.map((outcome) => ({ ...outcome, ...(spent.get(outcome.name) ?? NOTHING_SPENT) }));
  return { policy, ...metrics, jobs, numCohorts };
}
