import { existsSync, lstatSync, readdirSync, realpathSync } from "node:fs";
import path from "node:path";
import { InputError } from "../core/index.ts";
import { mapJobPaths } from "../workbench/index.ts";
import type { JobOverrides } from "./fleet-control.ts";

/** A server has no folder of its own to look in. @throws InputError for a relative path */
function checkPlaced(name: string, at: string): void {
  if (!path.isAbsolute(name))
    throw new InputError({
      expected: "an absolute path, or data of the hub (hf:datasets/owner/name)",
      at,
      got: name,
      hint: "The commands of loratwin make a job's paths absolute, from the folder of its file.",
    });
}

/** Where a path leads to, as far as it is there. */
function realPath(name: string): string {
  if (existsSync(name)) return realpathSync(name);
  const parent = path.dirname(name);
  return parent === name ? name : path.join(realPath(parent), path.basename(name));
}

function isWithin(root: string, name: string): boolean {
  const leads = path.relative(root, realPath(name));
  return leads !== ".." && !leads.startsWith(`..${path.sep}`) && !path.isAbsolute(leads);
}

/** A link in a folder that leads out of the root: who reads the folder would follow it. */
function wayOut(root: string, folder: string): string | undefined {
  if (lstatSync(realPath(folder), { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => path.join(folder, name))
    .find((name) => lstatSync(name, { throwIfNoEntry: false })?.isSymbolicLink() === true && !isWithin(root, name));
}

/**
 * Checks the paths of a job as they are submitted: readers resolve them by their text first, and follow links then.
 * `dataRoot`: the folder in which submitters may read; undefined: anywhere. @throws InputError for a path that is
 * relative, or leads out of that folder
 */
export function checkPaths(job: JobOverrides, dataRoot: string | undefined): void {
  const root = dataRoot === undefined ? undefined : realPath(dataRoot);
  mapJobPaths(job, (name, at) => {
    checkPlaced(name, at);
    if (root === undefined) return name;
    const file = path.resolve(name);
    const outside = isWithin(root, file) ? wayOut(root, file) : name;
    if (outside !== undefined)
      throw new InputError({
        expected: `a path in ${dataRoot}, where submitted jobs may read,`,
        at,
        got: outside,
        hint: "`serve --data-root` says so.",
      });
    return name;
  });
}
