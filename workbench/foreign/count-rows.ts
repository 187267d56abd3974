import path from "node:path";
import { InputError } from "../../core/index.ts";
import { isHubPath, loadTokenizer, type TextTokenizer } from "../../datasets/index.ts";
import { openModelFolder } from "../../exec/index.ts";
import type { FileData, LossSpec } from "../../plan/index.ts";
import { comparingOf, RowReader } from "../load/read-rows.ts";
import type { RowSet } from "./row-sets.ts";

/** What becomes of the rows of a job. */
export interface CountedRows {
  readonly count: number;
  /** Of a row; undefined where there is no tokenizer to count with. */
  readonly meanTokens: number | undefined;
}

/** What a foreign file's model is, where it is on this machine. */
export interface HereModel {
  readonly tokenizer: TextTokenizer;
  /** @throws InputError for rows that cannot be read */
  readonly count: (
    data: FileData,
    cutoff: number,
    loss: LossSpec | undefined,
    batchSize: number,
  ) => Promise<CountedRows>;
}

/** The model of that path, which starts at the workload's folder; undefined where it is not here. */
export function hereModel(named: string, folder: string, cache: boolean): HereModel | undefined {
  if (isHubPath(named)) return undefined;
  try {
    const model = openModelFolder(path.resolve(folder, named));
    const tokenizer = loadTokenizer(model.folder);
    const { vocabularySize, maxPositions: mostTokens } = model.architecture;
    const reader = new RowReader({ folder, vocabularySize, mostTokens, tokenizerFolder: () => model.folder, cache });
    return {
      tokenizer,
      async count(data, cutoff, loss, batchSize) {
        const { rows } = await reader.read(data, cutoff, 0, "data", comparingOf({ loss, batchSize }));
        const tokens = rows.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
        return { count: rows.length, meanTokens: tokens / rows.length };
      },
    };
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** Rows of several sources together, as their data become them, or else as their files have them. */
export async function countRows(
  sets: readonly Pick<RowSet, "data" | "seen">[],
  model: HereModel | undefined,
  cutoff: number | undefined,
  loss: LossSpec | undefined,
): Promise<CountedRows | undefined> {
  const counted: CountedRows[] = [];
  for (const { data, seen } of sets) {
    if (seen === undefined) return undefined;
    const { numRows } = seen;
    try {
      counted.push((await model?.count(data, cutoff ?? Number.MAX_SAFE_INTEGER, loss, 2)) ?? noTokens(numRows));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      // `data` and `plan` say what is wrong with the rows.
      counted.push(noTokens(numRows));
    }
  }
  const count = counted.reduce((sum, own) => sum + own.count, 0);
  const tokens = counted.map((own) => (own.meanTokens === undefined ? undefined : own.meanTokens * own.count));
  const all = tokens.reduce((sum, own) => (sum === undefined || own === undefined ? undefined : sum + own), 0);
  return { count, meanTokens: all === undefined ? undefined : all / count };
}

function noTokens(count: number): CountedRows {
  return { count, meanTokens: undefined };
}
