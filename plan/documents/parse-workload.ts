import { z } from "zod";
import { type ErrorFacts, isMapping, type Mapping, nearNames } from "../../core/index.ts";
import { type DocumentPath, formatPath } from "./document-path.ts";
import { expandSweeps, type Sweep, writtenPath } from "./expand-sweeps.ts";
import { errorOf, faultsOf } from "./faults.ts";
import { type ReadText, readText } from "./read-text.ts";
import { sweepSchema } from "./sweep.ts";
import { JOB_DEFAULTS, type Workload, workloadSchema } from "./workload.ts";
import { writtenWorkloadSchema } from "./written-workload.ts";

/** Keys of which a job's own takes the place of the other in `defaults`. */
const EXCLUSIVE: readonly (readonly [string, string])[] = [
  ["steps", "epochs"],
  ["path", "lengths"],
  ["path", "samples"],
  ["path", "datasets"],
  ["lengths", "datasets"],
  ["share", "data"],
  ["minRatio", "minLearningRate"],
  ["deviceSeconds", "amount"],
  ["deviceSeconds", "currency"],
];

function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isMapping(base) || !isMapping(over)) return over;
  // Another distribution, and another kind of loss, has other keys.
  for (const key of ["distribution", "kind"])
    if (over[key] !== undefined && base[key] !== undefined && over[key] !== base[key]) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [a, b] of EXCLUSIVE) {
    if (over[a] !== undefined) delete merged[b];
    if (over[b] !== undefined) delete merged[a];
  }
  for (const key of Object.keys(over)) merged[key] = merge(merged[key], over[key]);
  return merged;
}

/** The longest row that data of lengths ask for; 0 for other data, and for what is no length. */
function longestAsked(data: unknown): number {
  const lengths = isMapping(data) ? data["lengths"] : undefined;
  const all = isMapping(lengths) ? [lengths["max"]] : [lengths].flat();
  return all.reduce<number>((most, one) => (Number.isInteger(one) ? Math.max(most, one as number) : most), 0);
}

/**
 * A job as written with what it leaves out: from `defaults`, and what those leave out from `JOB_DEFAULTS`. Not checked.
 * A cutoffLength that nobody wrote cuts no lengths: who writes lengths asks for those.
 */
export function completeJob(written: unknown, defaults: unknown): unknown {
  const asked = merge(defaults, written);
  const job = merge(JOB_DEFAULTS, asked);
  if (!isMapping(asked) || asked["cutoffLength"] !== undefined) return job;
  const { data, evaluation } = asked;
  const longest = Math.max(longestAsked(data), longestAsked(isMapping(evaluation) ? evaluation["data"] : undefined));
  return longest > JOB_DEFAULTS.cutoffLength ? { ...(job as Mapping), cutoffLength: longest } : job;
}

const writtenSchema = z.strictObject({
  kind: z.literal("workload"),
  version: z.literal(1),
  model: z.unknown(),
  recompute: z.unknown().optional(),
  arrivals: z.unknown().optional(),
  users: z.unknown().optional(),
  defaults: z.looseObject({}).optional(),
  jobs: z.array(z.looseObject({ sweep: sweepSchema.optional() })).min(1),
});

/** A workload, and which of its jobs are points of a sweep. */
export interface ParsedWorkload extends Workload {
  readonly sweeps: readonly Sweep[];
}

/** Jobs that have the name of an earlier one. */
function sameNames({ jobs }: Workload, sweeps: readonly Sweep[], source: ReadText): readonly ErrorFacts[] {
  const seen = new Map<string, number>();
  return jobs.flatMap(({ name }, index) => {
    const first = seen.get(name.toLowerCase());
    seen.set(name.toLowerCase(), first ?? index);
    if (first === undefined) return [];
    const path = writtenPath(sweeps, ["jobs", index, "name"]);
    const expected = `a job name that is not that of ${formatPath(writtenPath(sweeps, ["jobs", first]))}`;
    return [{ expected, at: formatPath(path), got: name, file: source.file, ...source.locate(path) }];
  });
}

/** What of a workload is written so that its jobs can be looked at. */
interface WrittenJobs {
  readonly defaults?: unknown;
  readonly jobs: readonly Mapping[];
}

function hasJobs(value: unknown): value is WrittenJobs {
  if (!isMapping(value) || value["kind"] !== "workload") return false;
  const { jobs } = value;
  return Array.isArray(jobs) && jobs.length > 0 && jobs.every(isMapping);
}

/**
 * A workload with `defaults` merged into every job, key by key, and a job for each point of a sweep.
 * @throws InputError for all that is wrong, each with file, line, column and path.
 */
export function parseWorkload(text: string, file: string): ParsedWorkload {
  const source = readText(text, file);
  const { value } = source;
  const outer = writtenSchema.safeParse(value);
  const outerIssues = outer.error?.issues ?? [];
  const faultsAsWritten = (issues: typeof outerIssues) => faultsOf(writtenWorkloadSchema, value, issues, source);
  // Without what was meant as `defaults`, all jobs would lack what it says.
  const lacksDefaults = outerIssues.some(
    (issue) => issue.code === "unrecognized_keys" && issue.keys.some((key) => nearNames(key, ["defaults"]).length > 0),
  );
  if (!hasJobs(value) || lacksDefaults) throw errorOf(faultsAsWritten(outerIssues));
  const { defaults, ...written } = value;
  const isSound = outer.success;
  const templates = written.jobs.map(({ sweep, ...job }, index) => ({
    job: completeJob(job, defaults) as Mapping,
    sweep: isSound ? outer.data.jobs[index]!.sweep : undefined,
  }));
  const { jobs, sweeps } = expandSweeps(templates, source);
  const relocate = (path: DocumentPath): readonly DocumentPath[] => {
    const own = writtenPath(sweeps, path);
    return own[0] === "jobs" && own.length > 2 ? [own, ["defaults", ...path.slice(2)]] : [own];
  };
  const whole = { ...written, jobs };
  const result = workloadSchema.safeParse(whole);
  if (!result.success || !outer.success) {
    // What is merged into jobs is looked at there, and what is not as it was written.
    const isOfJobs = ({ path: [first, , key] }: (typeof outerIssues)[number]): boolean =>
      first !== "defaults" && key !== "sweep";
    const inner = [
      ...(result.error?.issues ?? []).filter(({ path }) => path.length > 0),
      ...outerIssues.filter(({ path }) => path.length === 0),
    ];
    throw errorOf([
      ...faultsAsWritten(outerIssues.filter((issue) => !isOfJobs(issue))),
      ...faultsOf(writtenWorkloadSchema, whole, inner, source, relocate),
    ]);
  }
  const twice = sameNames(result.data, sweeps, source);
  if (twice.length > 0) throw errorOf(twice);
  return { ...result.data, sweeps };
}

/** A workload's text in which errors on jobs that were made by a sweep have the place of the written job. */
export function withSweeps(source: ReadText, { sweeps }: ParsedWorkload): ReadText {
  return { ...source, written: (path) => writtenPath(sweeps, path) };
}
