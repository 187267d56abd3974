import { existsSync } from "node:fs";
import { InputError } from "../../core/index.ts";
import { readPai } from "./pai.ts";
import { readPhilly } from "./philly.ts";
import { readSlurmLog } from "./slurm.ts";
import type { TraceJob } from "./trace-job.ts";

const FORMATS = { philly: readPhilly, pai: readPai, helios: readSlurmLog, acme: readSlurmLog };

/** Published traces of GPU clusters. */
export type ClusterTraceFormat = keyof typeof FORMATS;

export interface ClusterTrace {
  /** Jobs that ran on GPUs, in the order in which they were submitted. */
  readonly jobs: readonly TraceJob[];
  /** Jobs that asked for no GPU, or did not run. */
  readonly numLeftOut: number;
}

/**
 * The jobs of a published cluster trace. `limit`: the first so many that were submitted. @throws InputError for a file
 * that is not there, has other columns, or lines that they do not fit
 */
export async function readClusterTrace(
  file: string,
  { format, limit }: { readonly format: ClusterTraceFormat; readonly limit?: number | undefined },
): Promise<ClusterTrace> {
  if (!existsSync(file))
    throw new InputError({ expected: "the table of a cluster trace", got: file, hint: "There is no such file." });
  const jobs: TraceJob[] = [];
  let numLeftOut = 0;
  for await (const job of FORMATS[format](file))
    if (job.gpuSeconds > 0) jobs.push(job);
    else numLeftOut += 1;
  if (jobs.length === 0)
    throw new InputError({ expected: "a job that ran on a GPU", file, got: `${numLeftOut} that did not` });
  // A stable sort: what was submitted at once stays in the file's order.
  jobs.sort((a, b) => a.submitSeconds - b.submitSeconds);
  return { jobs: jobs.slice(0, limit), numLeftOut };
}
