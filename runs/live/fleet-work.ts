import { ownValue } from "../../core/index.ts";
import type { Row } from "../../datasets/index.ts";
import { initialPairs, type JobInput, readPeftFolder } from "../../exec/index.ts";
import { checkRoom, comparesWithStart, type FleetWork, type Job, rowsOfWork, type Setting } from "../../plan/index.ts";
import { type FleetPlace, type LoadedWorkload, loadInputs, ofOnlyJob, workOfJob } from "../../workbench/index.ts";
import type { LiveSubmission } from "./live-job.ts";

/** @throws PlanError where the pipelines of a fleet have no room for a job's micro-batches */
export function checkWork(setting: Setting, work: FleetWork): void {
  checkRoom(setting, 0, { jobs: [work.job], microBatches: rowsOfWork(work).map((own) => ({ rows: [...own] })) });
}

/**
 * What an adapter starts from, that of a PEFT folder or a fresh one, and is compared with where that is its start.
 * @throws InputError for a folder that is none
 */
export function startOfJob(
  job: Job,
  { architecture, locations }: LoadedWorkload,
): Pick<JobInput, "start" | "reference"> {
  const init = ownValue(locations.init, job.name);
  const parameters =
    init === undefined ? initialPairs(job, architecture) : readPeftFolder(init, job.adapter, architecture);
  return { start: { parameters }, ...(comparesWithStart(job.loss) ? { reference: parameters } : {}) };
}

/**
 * A job that comes to a live fleet, its paths absolute, with its data read.
 * @throws InputError for what is wrong with it, PlanError where it fits on no pipeline even alone
 */
export async function submissionOf(
  { loaded, place, cache }: { readonly loaded: LoadedWorkload; readonly place: FleetPlace; readonly cache: boolean },
  job: Job,
): Promise<LiveSubmission> {
  const inputs = await loadInputs({ ...loaded.workload, jobs: [job] }, loaded.source, cache).catch((error: unknown) => {
    throw ofOnlyJob(error);
  });
  const rows: readonly Row[] = inputs.data[0]!;
  const work = workOfJob(place, job, inputs.rows[0]!);
  checkWork(place.setting, work);
  return { job, work, rows, ...startOfJob(job, inputs) };
}
