import path from "node:path";
import { isMapping } from "../../core/index.ts";
import { isHubPath, isTemplateFile } from "../../datasets/index.ts";

/** Every key under which a job names a file or folder (`*`: each entry of a list), and which of its texts are names of one. */
const isDataFile = (text: string): boolean => !isHubPath(text);
const PATHS: readonly (readonly [keys: readonly string[], isFile: (text: string) => boolean])[] = [
  [["data", "path"], isDataFile],
  [["data", "chatTemplate"], isTemplateFile],
  [["data", "datasets", "*", "path"], isDataFile],
  [["data", "datasets", "*", "chatTemplate"], isTemplateFile],
  [["evaluation", "data", "path"], isDataFile],
  [["evaluation", "data", "chatTemplate"], isTemplateFile],
  [["adapter", "init"], () => true],
];

/** A value with what `change` makes of the text under some keys; `at`: the value's own place. */
function withPath(
  value: unknown,
  keys: readonly string[],
  change: (text: string, at: string) => string,
  at = "",
): unknown {
  const [key, ...further] = keys;
  if (key === undefined) return typeof value === "string" ? change(value, at) : value;
  if (key === "*")
    return Array.isArray(value)
      ? value.map((each, index) => withPath(each, further, change, `${at}[${index}]`))
      : value;
  if (!isMapping(value) || !Object.hasOwn(value, key)) return value;
  return { ...value, [key]: withPath(value[key], further, change, at === "" ? key : `${at}.${key}`) };
}

/** A job, or keys of one, with what `change` makes of the name of each file and folder in it. */
export function mapJobPaths<T extends object>(job: T, change: (name: string, at: string) => string): T {
  return PATHS.reduce<unknown>(
    (changed, [keys, isFile]) => withPath(changed, keys, (text, at) => (isFile(text) ? change(text, at) : text)),
    job,
  ) as T;
}

/** The job with absolute paths, where relative ones start at `folder`. */
export function placeJob<T extends object>(job: T, folder: string): T {
  return mapJobPaths(job, (name) => path.resolve(folder, name));
}
