import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { isMapping, type Mapping } from "../../core/index.ts";
import { type FileSource, isHubPath, readRecords } from "../../datasets/index.ts";

/** Whether all rows have a field with something in it, none has, or some. */
export type Presence = "all" | "none" | "some";

/** What is known of a file of rows that is here. */
export interface SeenRows {
  readonly numRows: number;
  readonly presence: (field: string) => Presence;
  /** The first rows. */
  readonly first: readonly Mapping[];
}

const FIRST = 100;

/** Looks at all rows of a file; undefined for one that is not here or cannot be read, which `data` and `plan` say. */
export async function lookAtRows(source: FileSource): Promise<SeenRows | undefined> {
  if (isHubPath(source.path) || !existsSync(source.path)) return undefined;
  const counts = new Map<string, number>();
  const first: Mapping[] = [];
  let numRows = 0;
  try {
    for await (const { value } of readRecords(source.path, source, "data.path")) {
      numRows += 1;
      if (!isMapping(value)) continue;
      if (first.length < FIRST) first.push(value);
      for (const [key, own] of Object.entries(value))
        if (own !== null && own !== undefined && own !== "") counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  } catch {
    return undefined;
  }
  return {
    numRows,
    first,
    presence(field) {
      const count = counts.get(field) ?? 0;
      return count === 0 ? "none" : count === numRows ? "all" : "some";
    },
  };
}

/** Folders above the file that a path may start from: tools are started in the folder of a project. */
const LEVELS = 4;

/**
 * Where a path of a foreign file leads: from where a person is, from the file's folder, or from one above it. Undefined
 * where nothing is there.
 */
export function locate(named: string, cwd: string, folder: string): string | undefined {
  const starts = [cwd, folder];
  for (
    let up = path.dirname(folder), level = 1;
    level <= LEVELS && up !== starts.at(-1);
    level += 1, up = path.dirname(up)
  )
    starts.push(up);
  return starts
    .map((start) => path.resolve(start, named))
    .find((one) => statSync(one, { throwIfNoEntry: false }) !== undefined);
}
