import { existsSync, realpathSync } from "node:fs";
import path from "node:path";
import { InputError } from "../core/index.ts";
import { CHAT_TEMPLATES } from "../datasets/index.ts";
import type { JobOverrides } from "./fleet-control.ts";

/** Files and folders that a job names, by their keys. A data set of the hub is none, nor is a template's name or text. */
const PATHS = [
  ["data", "path"],
  ["data", "chatTemplate"],
  ["evaluation", "data", "path"],
  ["evaluation", "data", "chatTemplate"],
  ["adapter", "init"],
] as const;
const ELSEWHERE = /^hf:|\{\{|\{%/;

type Section = Readonly<Record<string, unknown>>;
type Place = (name: string, at: string) => string;

const isPath = (name: unknown): name is string =>
  typeof name === "string" && !ELSEWHERE.test(name) && !Object.hasOwn(CHAT_TEMPLATES, name);

/** What `place` makes of the path that a section has under some keys. */
function withPlaced(section: Section, keys: readonly string[], at: string, place: Place): Section {
  const [key, ...further] = keys as [string, ...string[]];
  const value = section[key];
  const here = at === "" ? key : `${at}.${key}`;
  if (further.length === 0) return isPath(value) ? { ...section, [key]: place(value, here) } : section;
  if (typeof value !== "object" || value === null) return section;
  return { ...section, [key]: withPlaced(value as Section, further, here, place) };
}

/** What `place` makes of each path that the job names. */
function mapPaths<T extends JobOverrides>(job: T, place: Place): T {
  return PATHS.reduce<Section>((placed, keys) => withPlaced(placed, keys, "", place), job as Section) as T;
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

/** Where a path leads to, as far as it is there. */
function realPath(name: string): string {
  if (existsSync(name)) return realpathSync(name);
  const parent = path.dirname(name);
  return parent === name ? name : path.join(realPath(parent), path.basename(name));
}

/** @throws InputError for a path that leads out of the folder in which submitters may read; undefined: anywhere */
export function checkReadable(job: JobOverrides, dataRoot: string | undefined): void {
  if (dataRoot === undefined) return;
  const root = realPath(dataRoot);
  mapPaths(job, (name, at) => {
    const leads = path.relative(root, realPath(name));
    if (leads === ".." || leads.startsWith(`..${path.sep}`) || path.isAbsolute(leads))
      throw new InputError({
        expected: `a path in ${dataRoot}, where submitted jobs may read,`,
        at,
        got: name,
        hint: "`serve --data-root` says so.",
      });
    return name;
  });
}
