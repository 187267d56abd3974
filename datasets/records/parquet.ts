import { brotliDecompressSync, gunzipSync } from "node:zlib";
import {
  asyncBufferFromFile,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  snappyUncompress,
} from "hyparquet";
import { InputError } from "../../core/index.ts";
import { unpackLz4Block } from "./lz4.ts";
import { checkPages } from "./parquet-pages.ts";
import { plainRecord } from "./plain-values.ts";
import { type DataRecord, MOST_RECORDS, type RecordReader, tooManyRecords } from "./record.ts";
import { zstandardInto } from "./zstandard.ts";

/** A page of a Parquet file has a megabyte or so; what unpacks to much more is no data. */
const UNPACKED = { maxOutputLength: 2 ** 28 } as const;

/** Unpacks into so many bytes, where these are not too many. */
function into(unpack: (input: Uint8Array, bytes: number) => Uint8Array) {
  return (input: Uint8Array, bytes: number): Uint8Array => {
    if (!(bytes >= 0 && bytes <= UNPACKED.maxOutputLength)) throw new RangeError(`a page of ${bytes} bytes`);
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

/** Of one column of a group of rows; hyparquet makes room for as many as a file says. */
const MOST_VALUES = 2 ** 28;

/** Values of a dictionary, of which a page need not use all. */
const MOST_OF_DICTIONARY = 2 ** 24;

/** Whether groups of rows are of the file. @throws RangeError */
function checkGroups({ row_groups: groups }: FileMetaData, fileBytes: number): void {
  for (const { num_rows: rows, columns } of groups) {
    if (!(rows >= 0n && rows <= MOST_RECORDS)) throw new RangeError(`a group of ${rows} rows`);
    for (const { meta_data: column } of columns) {
      if (column === undefined) throw new RangeError("a column without its place");
      const { num_values: values, total_compressed_size: bytes, data_page_offset: start } = column;
      if (!(values >= 0n && values <= MOST_VALUES)) throw new RangeError(`a column of ${values} values`);
      if (!(bytes >= 0n && start >= 0n && Number(bytes) <= fileBytes && Number(start) <= fileBytes))
        throw new RangeError(`a column at ${start} of ${bytes} bytes in a file of ${fileBytes}`);
    }
  }
}

/** The rows of a Parquet file, a group of rows at a time; packed with Snappy, gzip, Brotli, Zstandard, LZ4 or not at all. */
export const readParquet: RecordReader = async function* (file, { limit, onBytes }): AsyncGenerator<DataRecord> {
  const refused = (cause: unknown): InputError =>
    cause instanceof InputError
      ? cause
      : new InputError({ expected: "a Parquet file", file, got: (cause as Error).message }, { cause });
  const opened = async () => {
    const buffer = await asyncBufferFromFile(file);
    const metadata = buffer.byteLength === 0 ? undefined : await parquetMetadataAsync(buffer);
    if (metadata !== undefined) checkGroups(metadata, buffer.byteLength);
    return { buffer, metadata };
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
    for (const { meta_data: column } of group.columns) {
      const { data_page_offset: data, dictionary_page_offset: dictionary, total_compressed_size: bytes } = column!;
      const start = Number(dictionary !== undefined && dictionary > 0n && dictionary < data ? dictionary : data);
      const chunk = await buffer.slice(start, start + Number(bytes));
      try {
        checkPages(
          Buffer.from(chunk),
          UNPACKED.maxOutputLength,
          Math.max(Number(column!.num_values), MOST_OF_DICTIONARY),
        );
      } catch (cause) {
        throw refused(cause);
      }
    }
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
