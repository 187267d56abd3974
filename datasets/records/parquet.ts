import { brotliDecompressSync, gunzipSync } from "node:zlib";
import {
  asyncBufferFromFile,
  type Compressors,
  parquetMetadataAsync,
  parquetReadObjects,
  snappyUncompress,
} from "hyparquet";
import { InputError } from "../../core/index.ts";
import { unpackLz4Block } from "./lz4.ts";
import { plainRecord } from "./plain-values.ts";
import { type DataRecord, MOST_RECORDS, type RecordReader, tooManyRecords } from "./record.ts";
import { zstandardInto } from "./zstandard.ts";

/** A page of a Parquet file has a megabyte or so; what unpacks to much more is no data. */
const UNPACKED = { maxOutputLength: 2 ** 28 } as const;

/** Unpacks into so many bytes, where these are not too many. */
function into(unpack: (input: Uint8Array, bytes: number) => Uint8Array) {
  return (input: Uint8Array, bytes: number): Uint8Array => {
    if (bytes > UNPACKED.maxOutputLength) throw new RangeError(`a page of ${bytes} bytes`);
    return unpack(input, bytes);
  };
}

/** What pages are packed with, where they are. */
const COMPRESSORS: Compressors = {
  SNAPPY: into((input, bytes) => {
    const page = new Uint8Array(bytes);
    snappyUncompress(input, page);
    return page;
  }),
  GZIP: (input) => gunzipSync(input, UNPACKED),
  BROTLI: (input) => brotliDecompressSync(input, UNPACKED),
  LZ4_RAW: into(unpackLz4Block),
};

/** The rows of a Parquet file, a group of rows at a time; packed with Snappy, gzip, Brotli, Zstandard, LZ4 or not at all. */
export const readParquet: RecordReader = async function* (file, { limit, onBytes }): AsyncGenerator<DataRecord> {
  const refused = (cause: unknown): InputError =>
    cause instanceof InputError
      ? cause
      : new InputError({ expected: "a Parquet file", file, got: (cause as Error).message }, { cause });
  const opened = async () => {
    const buffer = await asyncBufferFromFile(file);
    return { buffer, metadata: buffer.byteLength === 0 ? undefined : await parquetMetadataAsync(buffer) };
  };
  const { buffer, metadata } = await opened().catch((cause) => {
    throw refused(cause);
  });
  if (metadata === undefined) return;
  const numRows = Math.min(limit, Number(metadata.num_rows));
  if (numRows > MOST_RECORDS) throw tooManyRecords(file);
  const compressors = { ...COMPRESSORS, ZSTD: into(await zstandardInto()) };
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    if (rowStart >= numRows) return;
    const rowEnd = Math.min(numRows, rowStart + Number(group.num_rows));
    const read = parquetReadObjects({ file: buffer, metadata, compressors, rowStart, rowEnd });
    const rows = await read.catch((cause) => {
      throw refused(cause);
    });
    for (const [index, row] of rows.entries()) {
      yield { value: plainRecord(row), place: { file, at: `[${rowStart + index}]` } };
      onBytes?.((buffer.byteLength * (rowStart + index + 1)) / Number(metadata.num_rows));
    }
    rowStart += rows.length;
  }
};
