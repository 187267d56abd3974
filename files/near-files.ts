import { type Dirent, existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { didYouMean } from "../core/index.ts";

/** Entries of a folder that are looked at. */
const MOST_ENTRIES = 10_000;

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).slice(0, MOST_ENTRIES);
  } catch {
    return [];
  }
}

/** What somebody may have meant who named a file or folder that is not there; `file` is absolute. */
export function nearFileHint(file: string): string | undefined {
  let [missing, folder] = [file, path.dirname(file)];
  while (!existsSync(folder) && folder !== missing) [missing, folder] = [folder, path.dirname(folder)];
  // A folder that leads to a file may be meant, but no file.
  const names = entriesOf(folder).filter((entry) => missing === file || !entry.isFile());
  const meant = didYouMean(
    path.basename(missing),
    names.map(({ name }) => name),
  );
  if (missing === file) return meant;
  return `There is no folder ${path.basename(missing)} in ${folder}.${meant === undefined ? "" : ` ${meant}`}`;
}
