import type { FleetWork, Job, JobRows, Setting } from "../../plan/index.ts";
import { planAndPredict, worksOfPlan } from "../../sim/index.ts";
import type { LoadedRequest } from "../load/load-request.ts";

/** A workload's request, and the pipelines that its jobs come to. */
export interface FleetPlace {
  readonly request: LoadedRequest["request"];
  readonly setting: Setting;
}

/**
 * The work of a job in micro-batches that the pipelines of a fleet have room for. Pipelines are alike in what they can
 * do, so the first one stands for all. @throws PlanError where it fits on none even alone
 */
export function workOfJob({ request, setting }: FleetPlace, job: Job, rows: JobRows): FleetWork {
  const { firstStage, endStage, room } = setting.pipelines[0]!;
  const isOpen = job.microBatchSize === undefined && job.microBatchTokens === undefined;
  const { body } = planAndPredict({
    ...request,
    jobs: [{ ...job, arrivalSeconds: 0, ...(isOpen ? { microBatchTokens: room.maxTokens } : {}) }],
    rows: [rows],
    devices: setting.stages.slice(firstStage, endStage).map(({ device }) => setting.devices[device]!),
    links: setting.links.slice(firstStage, endStage - 1).map((link) => link!),
    groups: "unfused",
    pipelines: 1,
    jobsAtOnce: "all",
  });
  return worksOfPlan(body)[0]!;
}
