import path from "node:path";
import { readArrow } from "./arrow.ts";
import { readCsv, readTsv } from "./csv.ts";
import { readJsonArray } from "./json-array.ts";
import { readJsonLines } from "./json-lines.ts";
import { readParquet } from "./parquet.ts";
import { readPlainText } from "./plain-text.ts";
import type { RecordReader } from "./record.ts";
import { PACKED_ENDINGS, unpackedName } from "./text-bytes.ts";

const TEXTS: Readonly<Record<string, RecordReader>> = {
  ".jsonl": readJsonLines,
  ".ndjson": readJsonLines,
  ".json": readJsonArray,
  ".csv": readCsv,
  ".tsv": readTsv,
  ".txt": readPlainText,
};

const COLUMNS: Readonly<Record<string, RecordReader>> = {
  ".parquet": readParquet,
  ".arrow": readArrow,
  ".feather": readArrow,
};

/** What the name of a data file ends in, for messages. */
export const DATA_ENDINGS = [
  ...Object.keys(TEXTS),
  ...Object.keys(COLUMNS),
  ...PACKED_ENDINGS.map((ending) => `.jsonl${ending}`),
].join(", ");

/** How a file of that name is read; undefined for one that is no data file. */
export function readerFor(name: string): RecordReader | undefined {
  const unpacked = unpackedName(name);
  const ending = path.extname(unpacked).toLowerCase();
  return TEXTS[ending] ?? (unpacked === name ? COLUMNS[ending] : undefined);
}
