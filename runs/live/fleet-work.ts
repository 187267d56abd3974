import { ownValue } from "../../core/index.ts";
import type { Row } from "../../datasets/index.ts";
import { FreshState, type JobStart, readPeftFolder } from "../../exec/index.ts";
import { checkSizes, comparesWithStart, type FleetWork, type Job, type Setting, workFacts } from "../../plan/index.ts";
import { type LoadedWorkload, loadInputs, ofOnlyJob, workOfJob } from "../../workbench/index.ts";
import { checkWritten } from "../folder/written-weights.ts";
import type { LiveSubmission } from "./live-job.ts";

/** @throws PlanError where the pipelines of a fleet have no room for a job's micro-batches */
export function checkWork(setting: Setting, work: FleetWork): void {
  checkSizes(setting, 0, { jobs: [work.job], sizes: workFacts(work).sizes });
}

/**
 * Makes what an adapter starts from, that of a PEFT folder, which is read at once, or a fresh one, and is compared with
 * where that is its start. @throws InputError for a folder that is none
 */
export function startOfJob(
  job: Job,
  { architecture, locations }: Pick<LoadedWorkload, "architecture" | "locations">,
): () => JobStart {
  const init = ownValue(locations.init, job.name);
  if (init !== undefined) checkWritten(init);
  const read = init === undefined ? undefined : readPeftFolder(init, job.adapter, architecture);
  return () => {
    const start = read === undefined ? new FreshState(job, architecture) : { parameters: read };
    return { start, ...(comparesWithStart(job.loss) ? { reference: start } : {}) };
  };
}

/**
 * A job that comes to a live fleet, its paths absolute, with its data read.
 * @throws InputError for what is wrong with it, PlanError where it fits on no pipeline even alone
 */
export async function submissionOf(
  { loaded, setting, cache }: { readonly loaded: LoadedWorkload; readonly setting: Setting; readonly cache: boolean },
  job: Job,
): Promise<LiveSubmission> {
  const inputs = await loadInputs({ ...loaded.workload, jobs: [job] }, loaded.source, cache).catch((error: unknown) => {
    throw ofOnlyJob(error);
  });
  const rows: readonly Row[] = inputs.data[0]!;
  const work = workOfJob(setting, job, inputs.rows[0]!);
  checkWork(setting, work);
  return { job, work, rows, begin: startOfJob(job, inputs) };
}
