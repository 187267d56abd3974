import { type ErrorFacts, InputError } from "../core/index.ts";
import { checkDocument, placeError, type ReadText, readText } from "../plan/index.ts";
import { type JobOverrides, jobOverridesSchema, type SubmittedJob, submittedJobSchema } from "./fleet-control.ts";

/** A job of a file that people write, in YAML or JSON; or only keys of one. */
export interface FiledJob<T extends JobOverrides = SubmittedJob> {
  readonly written: T;
  /** An error of this job, whose path starts at the job, at its line of the file. */
  placed(facts: ErrorFacts): InputError;
}

/** Where a path inside of a job stands in its file; `prefix` is that of a list: `[2]`. */
function joined(prefix: string, at: string | undefined): string | undefined {
  if (at === undefined || prefix === "") return at ?? (prefix === "" ? undefined : prefix);
  return at === "" || at.startsWith("[") ? `${prefix}${at}` : `${prefix}.${at}`;
}

function filedJob<T extends JobOverrides>(
  schema: typeof submittedJobSchema | typeof jobOverridesSchema,
  value: unknown,
  prefix: string,
  source: ReadText,
): FiledJob<T> {
  const placed = ({ at, file: _file, further, ...facts }: ErrorFacts): InputError => {
    const place = joined(prefix, at);
    const others = further === undefined ? {} : { further: further.map((each) => placed(each).facts) };
    return placeError(
      new InputError({ ...facts, ...others, ...(place === undefined ? {} : { at: place }) }),
      source,
    ) as InputError;
  };
  try {
    checkDocument(schema, value, { ...source, value, locate: () => undefined });
  } catch (error) {
    throw error instanceof InputError ? placed(error.facts) : error;
  }
  // As written: what it leaves out is the fleet's to say.
  return { written: value as T, placed };
}

/** The jobs of a file. @throws InputError with its line for the first thing that is wrong */
export function readJobFile(text: string, file: string): readonly FiledJob[] {
  const source = readText(text, file);
  const { value } = source;
  if ((value as { readonly kind?: unknown } | null)?.kind === "workload")
    throw new InputError({
      expected: "a job, or a list of jobs",
      got: "a workload",
      file,
      hint: "The jobs of a workload, by themselves, are such a list.",
    });
  if (!Array.isArray(value)) return [filedJob(submittedJobSchema, value, "", source)];
  if (value.length === 0) throw new InputError({ expected: "a job, or a list of jobs", got: "an empty list", file });
  return value.map((job, index) => filedJob(submittedJobSchema, job, `[${index}]`, source));
}

/** What a clone has of its own: keys of a job. @throws InputError with its line for the first thing that is wrong */
export function readOverridesFile(text: string, file: string): FiledJob<JobOverrides> {
  const source = readText(text, file);
  return filedJob(jobOverridesSchema, source.value, "", source);
}
