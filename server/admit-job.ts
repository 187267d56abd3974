import { sum } from "../core/index.ts";
import { checkDocument, completeJob, type Job, jobSchema, type ReadText } from "../plan/index.ts";
import { checkPaths } from "./check-paths.ts";
import type { FleetControl, JobStatus, SubmittedJob } from "./fleet-control.ts";
import type { Limits } from "./limits.ts";
import { granted, RequestError } from "./request-error.ts";

/** What a job goes through on its way to the fleet, whichever way it came. */
export interface Admission {
  readonly control: FleetControl;
  /** Of the fleet's workload, with absolute paths: what a job that is submitted leaves out. */
  readonly defaults: unknown;
  /** The folder in which submitted jobs may read; anywhere when absent. */
  readonly dataRoot?: string | undefined;
  readonly limits: Limits;
}

/** A value that was written nowhere. */
export function unwritten(value: unknown): ReadText {
  return { value, file: "", locate: () => undefined };
}

/** The job with all that it leaves out. @throws InputError for what is wrong with it */
function wholeJob({ defaults, dataRoot }: Pick<Admission, "defaults" | "dataRoot">, written: SubmittedJob): Job {
  const job = checkDocument(jobSchema, completeJob(written, defaults), unwritten(written));
  checkPaths(written, dataRoot);
  return job;
}

/** The same as a refusal of the request. `part`: where the job stands in it, if it is not all of it. */
export function completed(
  admission: Pick<Admission, "defaults" | "dataRoot">,
  written: SubmittedJob,
  part?: string,
): Promise<Job> {
  return granted(422, async () => wholeJob(admission, written), part);
}

/**
 * Each user may have as many jobs wait as places are free, so that who fills the queue leaves room for others (dynamic
 * thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).
 * @throws RequestError where the fleet takes no job of a user now (503, 429), or none of that name (409)
 */
export async function checkRoom({ control, limits }: Admission, name: string, user: string): Promise<void> {
  const { draining } = await control.status();
  if (draining)
    throw new RequestError(503, {
      expected: "a fleet that takes jobs",
      got: "one that ends when the jobs that it has have ended",
    });
  if ((await control.job(name)) !== null)
    throw new RequestError(409, {
      expected: "a job name that was not used yet",
      at: "name",
      got: name,
    });
  const waiting = await control.waiting();
  const [own, all] = [waiting.get(user) ?? 0, sum([...waiting.values()])];
  const free = limits.waitingJobs - all;
  if (own >= free)
    throw new RequestError(429, {
      expected: `at most as many jobs of a user that wait as there are free places, ${free} of ${limits.waitingJobs}`,
      got: own,
      hint: "Submit it again when some have ended.",
    });
}

/** Submits a job as it was written. @throws RequestError */
export async function admitJob(admission: Admission, written: SubmittedJob): Promise<JobStatus> {
  const job = await completed(admission, written);
  await checkRoom(admission, job.name, job.user ?? "");
  return granted(422, () => admission.control.submit(job));
}
