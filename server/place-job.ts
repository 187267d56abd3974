import path from "node:path";
import { InputError } from "../core/index.ts";
import type { JobOverrides } from "./fleet-control.ts";

/** Files and folders that a job names. A data set of the hub is none. */
const PATHS = [
  ["data", "path"],
  ["adapter", "init"],
] as const;
const ELSEWHERE = /^hf:/;

type Section = Readonly<Record<string, unknown>>;

/** What `place` makes of each path that the job names. */
function mapPaths<T extends JobOverrides>(job: T, place: (name: string, at: string) => string): T {
  const placed: Record<string, unknown> = { ...job };
  for (const [section, key] of PATHS) {
    const value = placed[section] as Section | undefined;
    const name = value?.[key];
    if (typeof name === "string" && !ELSEWHERE.test(name))
      placed[section] = { ...value, [key]: place(name, `${section}.${key}`) };
  }
  return placed as T;
}

/** The job with absolute paths, where relative ones start at `folder`. */
export function placeJob<T extends JobOverrides>(job: T, folder: string): T {
  return mapPaths(job, (name) => path.resolve(folder, name));
}

/** A server has no folder of its own to look in. @throws InputError for a relative path */
export function checkPlaced(job: JobOverrides): void {
  mapPaths(job, (name, at) => {
    if (!path.isAbsolute(name))
      throw new InputError({
        expected: "an absolute path, or one of the hub (hf:)",
        at,
        got: name,
        hint: "The commands of loratwin make a job's paths absolute, from the folder of its file.",
      });
    return name;
  });
}
