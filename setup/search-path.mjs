import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first of the named programs that PATH holds, as a full path; a name with a slash stands for itself. */
export function findProgram(names) {
  const folders = (process.env.PATH ?? "").split(delimiter);
  for (const name of names) {
    const candidates = name.includes("/") ? [name] : folders.map((folder) => join(folder, name));
    const found = candidates.find(isExecutable);
    if (found !== undefined) return found;
  }
  return undefined;
}
