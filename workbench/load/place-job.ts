import path from "node:path";
import { isMapping, type Mapping } from "../../core/index.ts";
import { isHubPath, isTemplateFile } from "../../datasets/index.ts";

/** Every key under which a job names a file or folder, and which of its texts are names of one. */
const PATHS: readonly (readonly [keys: readonly string[], isFile: (text: string) => boolean])[] = [
  [["data", "path"], (text) => !isHubPath(text)],
  [["data", "chatTemplate"], isTemplateFile],
  [["evaluation", "data", "path"], (text) => !isHubPath(text)],
  [["evaluation", "data", "chatTemplate"], isTemplateFile],
  [["adapter", "init"], () => true],
];

function withPath(section: Mapping, keys: readonly string[], change: (text: string) => string): Mapping {
  const [key, ...further] = keys as [string, ...string[]];
  const value = section[key];
  if (further.length === 0) return typeof value === "string" ? { ...section, [key]: change(value) } : section;
  return isMapping(value) ? { ...section, [key]: withPath(value, further, change) } : section;
}

/** A job, or keys of one, with what `change` makes of the name of each file and folder in it. */
export function mapJobPaths<T extends object>(job: T, change: (name: string, at: string) => string): T {
  return PATHS.reduce<Mapping>(
    (changed, [keys, isFile]) =>
      withPath(changed, keys, (text) => (isFile(text) ? change(text, keys.join(".")) : text)),
    job as Mapping,
  ) as T;
}

/** The job with absolute paths, where relative ones start at `folder`. */
export function placeJob<T extends object>(job: T, folder: string): T {
  return mapJobPaths(job, (name) => path.resolve(folder, name));
}
