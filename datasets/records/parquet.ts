import { brotliDecompressSync, gunzipSync } from "node:zlib";
import {
  asyncBufferFromFile,
  type Compressors,
  parquetMetadataAsync,
  parquetReadObjects,
  snappyUncompress,
} from "hyparquet";
import { InputError } from "../../core/index.ts";
import { type DataRecord, MOST_RECORDS, type RecordReader, tooManyRecords } from "./record.ts";

/** A page of a Parquet file has a megabyte or so; what unpacks to much more is no data. */
const UNPACKED = { maxOutputLength: 2 ** 28 } as const;

function unpackSnappy(input: Uint8Array, bytes: number): Uint8Array {
  if (bytes > UNPACKED.maxOutputLength) throw new RangeError(`a page of ${bytes} bytes`);
  const page = new Uint8Array(bytes);
  snappyUncompress(input, page);
  return page;
}

/** What pages are packed with, where they are. */
const COMPRESSORS: Compressors = {
  SNAPPY: unpackSnappy,
  GZIP: (input) => gunzipSync(input, UNPACKED),
  BROTLI: (input) => brotliDecompressSync(input, UNPACKED),
};

/** 64-bit columns come as bigint; what fits becomes a number, lists and structs included. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return Array.from(value as unknown as ArrayLike<unknown>, plain);
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === "object" && !(value instanceof Date)) {
    return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, plain(inside)]));
  }
  return value;
}

/** The rows of a Parquet file, packed with Snappy, gzip, Brotli or not at all. */
export const readParquet: RecordReader = async function* (file, { limit }): AsyncGenerator<DataRecord> {
  let rows: readonly Record<string, unknown>[];
  try {
    const buffer = await asyncBufferFromFile(file);
    if (buffer.byteLength === 0) return;
    const end = Number.isFinite(limit) ? { rowEnd: limit } : {};
    const metadata = await parquetMetadataAsync(buffer);
    if (Math.min(limit, Number(metadata.num_rows)) > MOST_RECORDS) throw tooManyRecords(file);
    rows = await parquetReadObjects({ file: buffer, metadata, compressors: COMPRESSORS, ...end });
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    throw new InputError({ expected: "a Parquet file", file, got: (cause as Error).message }, { cause });
  }
  for (const [index, row] of rows.entries()) yield { value: plain(row), place: { file, at: `[${index}]` } };
};
