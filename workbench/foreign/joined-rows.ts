import path from "node:path";
import { canonicalJson } from "../../core/index.ts";
import { readRecords } from "../../datasets/index.ts";
import type { FileData } from "../../plan/index.ts";
import type { ForeignPlace, RowSet } from "./row-sets.ts";

/** Rows of several files that become one: a job has one source. */
export interface JoinedRows {
  /** The file, in the workload's folder. */
  readonly name: string;
  readonly set: Pick<RowSet, "name" | "data" | "whys">;
  /** The text of the file. @throws InputError for what cannot be read */
  readonly text: () => Promise<string>;
}

/** Joins data sets that are here and read in the same way; undefined for a single one, and for others. */
export function joinedRows(sets: readonly RowSet[], output: string, { tool }: ForeignPlace): JoinedRows | undefined {
  const shared = sets.map(({ data: { path: _path, limit: _limit, split: _split, ...how } }) => canonicalJson(how));
  const [first] = sets;
  const isSame = shared.every((one) => one === shared[0]) && sets.every(({ seen }) => seen !== undefined);
  if (first === undefined || sets.length < 2 || !isSame || tool === "mlora") return undefined;
  const name = `${path.basename(output, path.extname(output))}-rows.jsonl`;
  const { limit: _limit, split: _split, ...data } = first.data;
  return {
    name,
    set: {
      name: sets.map((set) => set.name).join("-"),
      data: { ...data, path: name } satisfies FileData,
      whys: { ...first.whys, path: `rows of ${sets.map((set) => set.data.path).join(" and ")}` },
    },
    async text() {
      let all = "";
      for (const { located, data: source } of sets)
        for await (const { value } of readRecords(located!, { ...source, path: located! }, "data"))
          all += `${JSON.stringify(value)}\n`;
      return all;
    },
  };
}
