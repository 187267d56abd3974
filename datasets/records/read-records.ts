import fs from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import { checkReadable, nearFileHint } from "../../files/index.ts";
import type { FileSource } from "../data-source.ts";
import { readCsv, readTsv } from "./csv.ts";
import { readJsonArray } from "./json-array.ts";
import { readJsonLines } from "./json-lines.ts";
import { readParquet } from "./parquet.ts";
import { type DataRecord, MOST_RECORDS, type RecordReader, tooManyRecords } from "./record.ts";

const READERS: Readonly<Record<string, RecordReader>> = {
  ".jsonl": readJsonLines,
  ".ndjson": readJsonLines,
  ".json": readJsonArray,
  ".csv": readCsv,
  ".tsv": readTsv,
  ".parquet": readParquet,
};

function readerFor(file: string): RecordReader | undefined {
  return READERS[path.extname(file).toLowerCase()];
}

/** Whether a file name belongs to a split: "train.jsonl", "train-00000-of-00002.parquet", "train_1.csv". */
export function belongsToSplit(name: string, split: string): boolean {
  const base = path.basename(name);
  return base.startsWith(split) && /^[-_.]/.test(base.slice(split.length)) && readerFor(base) !== undefined;
}

function filesOf(target: string, split: string): readonly string[] {
  const names = fs.readdirSync(target, { recursive: true, encoding: "utf8" }).toSorted();
  const files = names.filter((name) => belongsToSplit(name, split)).map((name) => path.join(target, name));
  if (files.length > 0) return files;
  const expected = `data files that start with "${split}" (${Object.keys(READERS).join(", ")})`;
  throw new InputError({ expected, file: target, got: names.slice(0, 8), hint: "`split` chooses other names." });
}

/**
 * The records of a local file, or of a folder's files of one split (default "train") one after another.
 * @throws InputError for a missing or empty file, an unknown extension, or a file that is not of its form
 */
export async function* readRecords(target: string, source: FileSource, at: string): AsyncGenerator<DataRecord> {
  const stats = fs.statSync(target, { throwIfNoEntry: false });
  if (stats === undefined)
    throw new InputError({
      expected: "a data file",
      at,
      got: target,
      hint: `There is no such file. ${nearFileHint(target) ?? ""}`.trim(),
    });
  const files = stats.isDirectory() ? filesOf(target, source.split ?? "train") : [target];
  const split = stats.isDirectory() ? undefined : source.split;
  let left = source.limit ?? Number.POSITIVE_INFINITY;
  let found = false;
  let count = 0;
  for (const file of files) {
    const reader = readerFor(file);
    if (reader === undefined) {
      const expected = `a data file that ends in ${Object.keys(READERS).join(", ")}`;
      throw new InputError({ expected, at, got: file });
    }
    if (split !== undefined && reader !== readJsonArray) {
      const hint = "A split chooses files in a folder, or an array in a JSON object.";
      throw new InputError({ expected: "no split for a single file of this form", at, got: split, file, hint });
    }
    checkReadable(file);
    for await (const record of reader(file, { split, limit: left })) {
      found = true;
      left -= 1;
      count += 1;
      if (count > MOST_RECORDS) throw tooManyRecords(file);
      yield record;
    }
    if (left === 0) return;
  }
  if (!found)
    throw new InputError({
      expected: "at least one record",
      file: target,
      got: "an empty file",
      hint: 'Write a JSON object on each line, such as {"instruction": "2 + 2", "output": "4"}.',
    });
}
