import { z } from "zod";
import { InputError } from "../../core/index.ts";
import { checkDocument, type DocumentPath, formatPath, readText } from "./read-document.ts";
import { JOB_DEFAULTS, type Workload, workloadSchema } from "./workload.ts";

type Mapping = Readonly<Record<string, unknown>>;

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Keys of which a job's own takes the place of the other in `defaults`. */
const EXCLUSIVE: readonly (readonly [string, string])[] = [
  ["steps", "epochs"],
  ["path", "lengths"],
  ["path", "samples"],
  ["share", "data"],
];

function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isMapping(base) || !isMapping(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [a, b] of EXCLUSIVE) {
    if (over[a] !== undefined) delete merged[b];
    if (over[b] !== undefined) delete merged[a];
  }
  for (const key of Object.keys(over)) merged[key] = merge(merged[key], over[key]);
  return merged;
}

/** A job as written with what it leaves out: from `defaults`, and what those leave out from `JOB_DEFAULTS`. Not checked. */
export function completeJob(written: unknown, defaults: unknown): unknown {
  return merge(merge(JOB_DEFAULTS, defaults), written);
}

const writtenSchema = z.strictObject({
  kind: z.literal("workload"),
  version: z.literal(1),
  model: z.unknown(),
  recompute: z.unknown().optional(),
  defaults: z.looseObject({}).optional(),
  jobs: z.array(z.looseObject({})).min(1),
});

/**
 * A workload with `defaults` merged into every job, key by key.
 * @throws InputError with file, line, column and path for the first thing that is wrong.
 */
export function parseWorkload(text: string, file: string): Workload {
  const source = readText(text, file);
  const written = checkDocument(writtenSchema, source.value, source);
  const { defaults, ...rest } = written;
  const merged = { ...rest, jobs: written.jobs.map((job) => completeJob(job, defaults)) };
  const relocate = (path: DocumentPath): readonly DocumentPath[] =>
    path[0] === "jobs" && path.length > 2 ? [path, ["defaults", ...path.slice(2)]] : [path];
  const workload = checkDocument(workloadSchema, merged, source, relocate);
  const seen = new Map<string, number>();
  workload.jobs.forEach((job, index) => {
    const first = seen.get(job.name.toLowerCase());
    if (first !== undefined) {
      const path = ["jobs", index, "name"];
      throw new InputError({
        expected: `a job name that is not that of jobs[${first}]`,
        at: formatPath(path),
        got: job.name,
        file,
        ...source.locate(path),
      });
    }
    seen.set(job.name.toLowerCase(), index);
  });
  return workload;
}
