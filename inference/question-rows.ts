import path from "node:path";
import { InputError } from "../core/index.ts";
import { NOT_SCORED, promptLength, type Row } from "../datasets/index.ts";
import type { ModelFolder } from "../exec/index.ts";
import { absolute, type Context } from "../files/index.ts";
import { dataSetsOf, type FileData, type PlannedJob } from "../plan/index.ts";
import { RowReader } from "../workbench/index.ts";

/** How rows are read: as a job's own, with what a person says otherwise. */
export type RowForm = Partial<Omit<FileData, "path">>;

/** A row with a question and its answer. */
export interface QuestionRow {
  readonly row: Row;
  /** Of its record in the file, from 0. */
  readonly number: number;
  /** Tokens in front of the first that is scored. */
  readonly prompt: readonly number[];
  /** The scored tokens behind it, up to the first that is not. */
  readonly expected: readonly number[];
}

export interface Questions {
  readonly rows: readonly QuestionRow[];
  /** Records that could not be read, and the first reason. */
  readonly numRefused: number;
  readonly firstRefused: string | undefined;
  /** Rows that are left out, since the model has fewer positions. A job's cutoff is for its training alone. */
  readonly numTooLong: number;
  readonly format: string;
  /** Rows that are there more than once, without the first of each. */
  readonly numRepeated: number;
}

function questionOf(row: Row, number: number): QuestionRow {
  const start = promptLength(row);
  const ids = Array.from(row.inputIds);
  let end = start;
  while (end < ids.length && row.labels[end] !== NOT_SCORED) end += 1;
  return { row, number, prompt: ids.slice(0, start), expected: ids.slice(start, end) };
}

/** How a job's rows are read, wherever they are; of several data sets, as those of the first. */
export function rowWay({ data }: Pick<PlannedJob, "data">): RowForm {
  const [own] = dataSetsOf(data);
  if (own === undefined) return {};
  const { path: _path, split: _split, limit: _limit, shuffle: _shuffle, weight: _weight, ...way } = own;
  return way;
}

/**
 * Reads rows of a file in a way, or as their first says where it says nothing; `form` is what a person says otherwise.
 * @throws InputError for a file that cannot be read, or in which no row has anything that is scored
 */
export async function readQuestions(
  context: Context,
  model: ModelFolder,
  file: string,
  way: RowForm,
  form: RowForm,
): Promise<Questions> {
  const { vocabularySize, maxPositions: mostTokens } = model.architecture;
  // Another format has nothing of the way's templates.
  const how = form.format === undefined ? way : {};
  const given = absolute(context, file);
  const data = { ...how, ...form, path: given, shuffle: false } as FileData;
  const tokenizerFolder = (): string => model.folder;
  return await context.during(`reading ${path.basename(file)}`, async (onRead) => {
    const reader = new RowReader({
      folder: context.cwd,
      vocabularySize,
      mostTokens,
      cache: false,
      tokenizerFolder,
      onRead,
    });
    const { rows, numbers, refused, format } = await reader.each(data, 0);
    const all = rows.flatMap((row, at) =>
      row.answers === undefined && row.inputIds.length <= mostTokens ? [questionOf(row, numbers[at]!)] : [],
    );
    const kept = all.filter(({ expected, prompt }) => expected.length > 0 && prompt.length > 0);
    const [first] = refused;
    if (kept.length === 0)
      throw new InputError({
        expected: "rows with a prompt and an answer that is scored",
        file,
        got: first === undefined ? `none among ${rows.length} rows` : first.error.message.split("\n", 1)[0]!,
      });
    return {
      rows: kept,
      ...{ numRefused: refused.length, firstRefused: first?.error.message.split("\n", 1)[0], format: format ?? "none" },
      numRepeated: kept.length - new Set(kept.map(({ row }) => row.inputIds.join())).size,
      numTooLong: rows.filter(({ inputIds }) => inputIds.length > mostTokens).length,
    };
  });
}
