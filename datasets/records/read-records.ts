import fs from "node:fs";
import path from "node:path";
import { InputError, sum } from "../../core/index.ts";
import { checkReadable, nearFileHint } from "../../files/index.ts";
import type { FileSource } from "../data-source.ts";
import { DATA_ENDINGS, readerFor } from "./forms.ts";
import { readJsonArray } from "./json-array.ts";
import { type DataRecord, MOST_RECORDS, tooManyRecords } from "./record.ts";
import { filesWanted, splitFiles } from "./split-files.ts";

function filesOf(target: string, split: string | undefined): readonly string[] {
  const names = fs.readdirSync(target, { recursive: true, encoding: "utf8" }).toSorted();
  const files = splitFiles(names, split).map(({ name }) => path.join(target, name));
  if (files.length > 0) return files;
  const expected = `${filesWanted(split)} (${DATA_ENDINGS})`;
  throw new InputError({ expected, file: target, got: names.slice(0, 8), hint: "`split` chooses other names." });
}

/** Told of each record how many bytes have been read of how many. */
export type OnRead = (bytes: number, ofBytes: number) => void;

/** Bytes of the files that a source's records are in; 0 where there are none. */
export function bytesOfRecords(target: string, { split }: FileSource): number {
  const stats = fs.statSync(target, { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true) return stats?.size ?? 0;
  return sum(filesOf(target, split).map((file) => fs.statSync(file).size));
}

/**
 * The records of a local file, or of a folder's files of one split one after another.
 * @throws InputError for a missing or empty file, an unknown extension, or a file that is not of its form
 */
export async function* readRecords(
  target: string,
  source: FileSource,
  at: string,
  onRead: OnRead = () => {},
): AsyncGenerator<DataRecord> {
  const stats = fs.statSync(target, { throwIfNoEntry: false });
  if (stats === undefined)
    throw new InputError({
      expected: "a data file",
      at,
      got: target,
      hint: `There is no such file. ${nearFileHint(target) ?? ""}`.trim(),
    });
  const files = stats.isDirectory() ? filesOf(target, source.split) : [target];
  const split = stats.isDirectory() ? undefined : source.split;
  const limit = source.limit ?? Number.POSITIVE_INFINITY;
  const allBytes = bytesOfRecords(target, source);
  let [bytesBefore, bytesRead, count] = [0, 0, 0];
  for (const file of files) {
    const reader = readerFor(file);
    if (reader === undefined)
      throw new InputError({ expected: `a data file that ends in ${DATA_ENDINGS}`, at, got: file });
    if (split !== undefined && reader !== readJsonArray) {
      const hint = "A split chooses files in a folder, or an array in a JSON object.";
      throw new InputError({ expected: "no split for a single file of this form", at, got: split, file, hint });
    }
    checkReadable(file);
    const onBytes = (bytes: number): void => {
      bytesRead = bytesBefore + bytes;
    };
    for await (const record of reader(file, { split, limit: limit - count, onBytes })) {
      count += 1;
      if (count > MOST_RECORDS) throw tooManyRecords(file);
      onRead(Math.max(bytesRead, (allBytes * count) / limit), allBytes);
      yield record;
    }
    if (count >= limit) return;
    bytesBefore += fs.statSync(file).size;
  }
  if (count === 0)
    throw new InputError({
      expected: "at least one record",
      file: target,
      got: "an empty file",
      hint: 'Write a JSON object on each line, such as {"instruction": "2 + 2", "output": "4"}.',
    });
}
