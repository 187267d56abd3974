import { InputError, ownValue } from "../../core/index.ts";
import type { Row } from "../../datasets/index.ts";
import {
  type AdapterState,
  adapterDigest,
  FreshState,
  type JobInput,
  ReadState,
  readPeftFolder,
} from "../../exec/index.ts";
import {
  checkRoom,
  comparesWithStart,
  type FleetWork,
  type Job,
  type PlannedJob,
  rowsOfWork,
  type Setting,
} from "../../plan/index.ts";
import { type FleetPlace, type LoadedWorkload, loadInputs, workOfJob } from "../../workbench/index.ts";
import type { LiveSubmission } from "./live-job.ts";

/** @throws PlanError where the pipelines of a fleet have no room for a job's micro-batches */
export function checkWork(setting: Setting, work: FleetWork): void {
  checkRoom(setting, 0, { jobs: [work.job], microBatches: rowsOfWork(work).map((own) => ({ rows: [...own] })) });
}

/** What an adapter starts from, that of a PEFT folder or a fresh one, and is compared with where that is its start. */
export function startOfJob(
  job: Job,
  { architecture, locations }: LoadedWorkload,
  { initDigest }: Pick<PlannedJob, "initDigest">,
): Pick<JobInput, "start" | "reference"> {
  const init = ownValue(locations.init, job.name);
  const givenStart = (folder: string): AdapterState => {
    const parameters = readPeftFolder(folder, job.adapter, architecture);
    if (adapterDigest(parameters) === initDigest) return { parameters };
    throw new InputError({
      expected: `the adapter that job ${job.name} came with`,
      file: folder,
      got: "other weights",
    });
  };
  const start = init === undefined ? new FreshState(job, architecture) : new ReadState(() => givenStart(init));
  return { start, ...(comparesWithStart(job.loss) ? { reference: start } : {}) };
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
  const work = workOfJob(place, job, inputs.rows[0]!);
  checkWork(place.setting, work);
  return { job, work, rows, ...startOfJob(job, inputs, work.job) };
}
