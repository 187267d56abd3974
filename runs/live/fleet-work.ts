import { ownValue } from "../../core/index.ts";
import type { Row } from "../../datasets/index.ts";
import { type AdapterState, initialPairs, readPeftFolder } from "../../exec/index.ts";
import { checkRoom, type FleetWork, type Job, type JobRows, rowsOfWork, type Setting } from "../../plan/index.ts";
import { planAndPredict, worksOfPlan } from "../../sim/index.ts";
import { type LoadedRequest, type LoadedWorkload, loadInputs } from "../../workbench/index.ts";
import type { LiveSubmission } from "./live-job.ts";

/** A workload's request, and the pipelines that its jobs come to. */
export interface FleetPlace {
  readonly request: LoadedRequest["request"];
  readonly setting: Setting;
}

/**
 * What a job trains, in micro-batches that the pipelines of a fleet have room for; they are alike in what they can do,
 * so that the first one stands for all. @throws PlanError where it fits on none even alone
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
  const work = worksOfPlan(body)[0]!;
  checkWork(setting, work);
  return work;
}

/** @throws PlanError where the pipelines of a fleet have no room for a job's micro-batches */
export function checkWork(setting: Setting, work: FleetWork): void {
  checkRoom(setting, 0, { jobs: [work.job], microBatches: rowsOfWork(work).map((own) => ({ rows: [...own] })) });
}

/** What an adapter starts from: that of a PEFT folder, or a fresh one. @throws InputError for a folder that is none */
export function startOfJob(job: Job, { architecture, locations }: LoadedWorkload): AdapterState {
  const init = ownValue(locations.init, job.name);
  const parameters =
    init === undefined ? initialPairs(job, architecture) : readPeftFolder(init, job.adapter, architecture);
  return { parameters };
}

/**
 * A job that comes to a live fleet, its paths absolute, with its data read.
 * @throws InputError for what is wrong with it, PlanError where it fits on no pipeline even alone
 */
export async function submissionOf(
  { loaded, place, cache }: { readonly loaded: LoadedWorkload; readonly place: FleetPlace; readonly cache: boolean },
  job: Job,
): Promise<LiveSubmission> {
  const inputs = await loadInputs({ ...loaded.workload, jobs: [job] }, loaded.source, cache);
  const rows: readonly Row[] = inputs.data[0]!;
  return { job, work: workOfJob(place, job, inputs.rows[0]!), rows, start: startOfJob(job, inputs) };
}
