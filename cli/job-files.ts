import path from "node:path";
import { InputError } from "../core/index.ts";
import { readInput } from "../files/index.ts";
import {
  type FiledJob,
  type JobOverrides,
  readJobFile,
  readOverridesFile,
  type SubmittedJob,
} from "../server/index.ts";
import { placeJob } from "../workbench/index.ts";
import type { Io } from "./io.ts";

/** A job of a file, or keys of one, with absolute paths. */
export interface JobOfFile<T extends JobOverrides = SubmittedJob> extends FiledJob<T> {
  readonly job: T;
}

function inFolder<T extends JobOverrides>(filed: FiledJob<T>, file: string): JobOfFile<T> {
  return { ...filed, job: placeJob(filed.written, path.dirname(file)) };
}

/** @throws InputError */
export function readJobs(io: Io, file: string): readonly JobOfFile[] {
  const input = readInput(io, file, "a job file");
  return readJobFile(input.text, input.file).map((filed) => inFolder(filed, input.file));
}

/** The only job of a file. @throws InputError where there are more */
export function readOneJob(io: Io, file: string): JobOfFile {
  const [job, another] = readJobs(io, file);
  if (another !== undefined) throw new InputError({ expected: "one job", file, got: "a list" });
  return job!;
}

/** Keys of a job for a clone. @throws InputError */
export function readOverrides(io: Io, file: string): JobOfFile<JobOverrides> {
  const input = readInput(io, file, "a file with keys of a job");
  return inFolder(readOverridesFile(input.text, input.file), input.file);
}

/** What `ask` gives. @throws InputError with the line of the job's file that it is about; `inside`: where jobs stand */
export async function askAbout<T>(
  { placed }: Pick<FiledJob, "placed">,
  ask: () => Promise<T>,
  inside = "",
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { at, ...facts } = error.facts;
    throw placed(at === undefined ? facts : { ...facts, at: at.startsWith(inside) ? at.slice(inside.length) : at });
  }
}
