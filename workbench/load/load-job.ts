import path from "node:path";
import { InputError, isMapping } from "../../core/index.ts";
import { type Context, readInput } from "../../files/index.ts";
import {
  checkDocument,
  completeJob,
  type Job,
  type JobRows,
  jobSchema,
  placeError,
  readText,
} from "../../plan/index.ts";
import { type LoadedWorkload, loadInputs } from "./load-workload.ts";
import { placeJob } from "./place-job.ts";

export interface LoadedJob {
  readonly job: Job;
  readonly rows: JobRows;
}

/** An error at the only job of what was loaded, as one of that job by itself; or at another place. */
export function ofOnlyJob(error: unknown, place = ""): unknown {
  if (!(error instanceof InputError) || error.facts.at?.startsWith("jobs[0]") !== true) return error;
  const at = `${place}${error.facts.at.slice("jobs[0]".length)}`.replace(/^\./, "");
  return new InputError({ ...error.facts, at }, { cause: error });
}

/**
 * A job by itself, as a workload's jobs are written, with its rows: what it leaves out is that of the workload's
 * `defaults`. @throws InputError with the line of its file
 */
export async function loadJob(context: Context, file: string, workload: LoadedWorkload): Promise<LoadedJob> {
  const input = readInput(context, file, "a file with a job");
  const source = readText(input.text, input.file);
  const { value: written } = source;
  if (!isMapping(written) || written["kind"] === "workload")
    throw new InputError({
      expected: "the keys of one job",
      got: isMapping(written) ? "a workload" : written,
      file: input.file,
      hint: "A job is written as an entry of a workload's `jobs`.",
    });
  const { defaults } = workload.source.value as { readonly defaults?: unknown };
  const job = checkDocument(jobSchema, completeJob(placeJob(written, path.dirname(input.file)), defaults), source);
  const { jobs } = workload.workload;
  if (jobs.some(({ name }) => name.toLowerCase() === job.name.toLowerCase()))
    throw placeError(
      new InputError({ expected: "a job name that no job of the workload has", at: "name", got: job.name }),
      source,
    );
  try {
    const loaded = await loadInputs({ ...workload.workload, jobs: [job] }, workload.source, context.cache ?? false);
    for (const remark of loaded.remarks) context.note(remark);
    for (const warning of loaded.warnings) context.warn(warning);
    return { job, rows: loaded.rows[0]! };
  } catch (error) {
    throw placeError(ofOnlyJob(error), source);
  }
}
