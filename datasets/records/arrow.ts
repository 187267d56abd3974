import { closeSync, fstatSync, readSync } from "node:fs";
import { CompressionType, setCompressionCodec, Type, tableFromIPC } from "@uwdata/flechette";
import { InputError } from "../../core/index.ts";
import { openToRead } from "../../files/index.ts";
import { unpackLz4Frame } from "./lz4.ts";
import { plainRecord } from "./plain-values.ts";
import { type DataRecord, MOST_RECORDS, type RecordReader, tooManyRecords } from "./record.ts";
import { zstandardInto } from "./zstandard.ts";

/** A batch has a thousand rows or so; what unpacks to much more is no data. */
const MOST_UNPACKED = 2 ** 29;

function into(unpack: (input: Uint8Array, bytes: number) => Uint8Array) {
  const decode = (input: Uint8Array, bytes: number): Uint8Array => {
    if (!(bytes <= MOST_UNPACKED)) throw new RangeError(`a column of ${bytes} bytes in one batch`);
    return unpack(input, bytes);
  };
  return { decode, encode: (bytes: Uint8Array) => bytes };
}

setCompressionCodec(CompressionType.LZ4_FRAME, into(unpackLz4Frame));

/** A file of Arrow's IPC format, as `pyarrow.feather` writes it; the stream format has no such mark. */
const FILE_MAGIC = "ARROW1";
const FEATHER_1_MAGIC = "FEA1";
/** Stands before each message. */
const CONTINUATION = 0xffffffff;
/** Kinds of messages (Arrow's Message.fbs). */
const KINDS = { schema: 1, dictionary: 2, batch: 3 } as const;

/** Of one column of a batch, and of the lists in it. */
const MOST_VALUES = 2 ** 28;
/** Of a schema, with those in them. */
const MOST_FIELDS = 2 ** 16;

/** Where a field of a flatbuffer's table stands, the table being what `from` refers to; undefined where it has none. */
function placeOf(head: Buffer, from: number, field: number): number | undefined {
  const table = from + head.readUInt32LE(from);
  const fields = table - head.readInt32LE(table);
  const place = 4 + 2 * field;
  const offset = place < head.readUInt16LE(fields) ? head.readUInt16LE(fields + place) : 0;
  return offset === 0 ? undefined : table + offset;
}

/** The places of a vector's elements, which are all there: flechette reads as many as the vector says. @throws RangeError */
function elementsOf(head: Buffer, from: number, field: number, bytes: number): readonly number[] {
  const place = placeOf(head, from, field);
  if (place === undefined) return [];
  const vector = place + head.readUInt32LE(place);
  const count = head.readUInt32LE(vector);
  if (vector + 4 + count * bytes > head.length) throw new RangeError(`a vector of ${count} in ${head.length} bytes`);
  return Array.from({ length: count }, (_, index) => vector + 4 + index * bytes);
}

/** Schema.fbs and Field: fields of a schema (1) or of a field (5), and metadata of both. */
function checkFields(head: Buffer, from: number, [children, metadata]: readonly [number, number], before = 0): number {
  elementsOf(head, from, metadata, 4);
  let count = before;
  for (const field of elementsOf(head, from, children, 4)) {
    count = checkFields(head, field, [5, 6], count + 1);
    if (count > MOST_FIELDS) throw new RangeError(`more than ${MOST_FIELDS} fields`);
  }
  return count;
}

/** Message.fbs, RecordBatch: nodes, buffers and counts of variadic buffers. */
function checkBatch(head: Buffer, from: number, mostValues: number): void {
  for (const node of elementsOf(head, from, 1, 16)) {
    const length = head.readBigInt64LE(node);
    if (!(length >= 0n && length <= mostValues)) throw new RangeError(`a column of ${length} values in one batch`);
  }
  elementsOf(head, from, 2, 16);
  for (const count of elementsOf(head, from, 4, 8))
    if (head.readBigInt64LE(count) > MOST_FIELDS) throw new RangeError(`a column of more than ${MOST_FIELDS} buffers`);
}

/** Kind of a message, and bytes of its body, of the flatbuffer that stands before it (Message.fbs: fields 1 and 3). */
function aboutMessage(head: Buffer): { readonly kind: number; readonly bodyBytes: number } {
  const [kindPlace, header, body] = [1, 2, 3].map((field) => placeOf(head, 0, field));
  const kind = kindPlace === undefined ? 0 : head.readUInt8(kindPlace);
  if (header !== undefined && kind === KINDS.schema) checkFields(head, header, [1, 2]);
  if (header !== undefined && kind === KINDS.batch) checkBatch(head, header, MOST_VALUES);
  const values = header === undefined || kind !== KINDS.dictionary ? undefined : placeOf(head, header, 1);
  if (values !== undefined) checkBatch(head, values, MOST_RECORDS);
  return { kind, bodyBytes: body === undefined ? 0 : Number(head.readBigInt64LE(body)) };
}

/** The parts of a batch of flechette's that say how many values it has. */
interface Batch {
  readonly length: number;
  readonly type: { readonly typeId: number; readonly stride?: number };
  readonly offsets?: ArrayLike<number | bigint> | null;
  readonly sizes?: ArrayLike<number | bigint>;
  readonly children?: readonly Batch[];
  readonly dictionary?: { readonly data: readonly Batch[] };
}

/** Whether lists are of values that are there: flechette makes as many as they say. @throws RangeError */
function checkLengths({ length, type, offsets, sizes, children = [], dictionary }: Batch): void {
  if (!(length >= 0 && length <= MOST_VALUES)) throw new RangeError(`a column of ${length} values in one batch`);
  for (const batch of [...children, ...(dictionary?.data ?? [])]) checkLengths(batch);
  const [child] = children;
  if (child === undefined) return;
  let values = 0;
  const add = (start: number, end: number): void => {
    values += end - start;
    if (!(start >= 0 && start <= end && end <= child.length && values <= MOST_VALUES))
      throw new RangeError(`a list of values ${start} to ${end} of ${child.length}`);
  };
  if (type.typeId === Type.FixedSizeList) add(0, length * type.stride!);
  if (offsets === undefined || offsets === null || type.typeId === Type.Union) return;
  for (let index = 0; index < length; index += 1) {
    const start = Number(offsets[index]);
    add(start, sizes === undefined ? Number(offsets[index + 1]) : start + Number(sizes[index]));
  }
}

interface Message {
  readonly kind: number;
  /** The whole message. */
  readonly bytes: Buffer;
  /** Where it ends in the file. */
  readonly end: number;
}

/** The messages of a file one after another, which both formats have in the same order. @throws RangeError for damaged ones */
function* messagesOf(descriptor: number): Generator<Message> {
  const { size } = fstatSync(descriptor);
  const read = (from: number, bytes: number): Buffer => {
    if (!(bytes >= 0 && from + bytes <= size)) throw new RangeError("the end of the file inside a batch");
    const all = Buffer.alloc(bytes);
    for (let done = 0; done < bytes; ) {
      const some = readSync(descriptor, all, done, Math.min(bytes - done, 2 ** 30), from + done);
      if (some === 0) throw new RangeError("the end of the file inside a batch");
      done += some;
    }
    return all;
  };
  const magic = read(0, Math.min(size, FILE_MAGIC.length)).toString("latin1");
  if (magic.startsWith(FEATHER_1_MAGIC)) throw new RangeError("Feather of version 1");
  const isFile = magic === FILE_MAGIC;
  if (isFile && read(Math.max(0, size - magic.length), magic.length).toString("latin1") !== FILE_MAGIC)
    throw new RangeError("a file without its end");
  for (let from = isFile ? 8 : 0; from + 8 <= size; ) {
    const start = read(from, 8);
    const isNew = start.readUInt32LE(0) === CONTINUATION;
    const before = isNew ? 8 : 4;
    const headBytes = start.readInt32LE(before - 4);
    if (headBytes === 0) return;
    const { kind, bodyBytes } = aboutMessage(read(from + before, headBytes));
    const bytes = read(from, before + headBytes + bodyBytes);
    from += bytes.length;
    yield { kind, bytes, end: from };
  }
}

/** The rows of a file in Arrow's IPC formats, file or stream, a batch at a time. */
export const readArrow: RecordReader = async function* (file, { limit, onBytes }): AsyncGenerator<DataRecord> {
  setCompressionCodec(CompressionType.ZSTD, into(await zstandardInto()));
  const descriptor = openToRead(file);
  /** What each batch needs: the schema, and the dictionaries up to it. */
  const before: Buffer[] = [];
  let count = 0;
  try {
    for (const { kind, bytes, end } of messagesOf(descriptor)) {
      if (kind !== KINDS.batch) {
        before.push(bytes);
        continue;
      }
      const table = tableFromIPC([...before, bytes], { useBigInt: true, useDate: true });
      for (const { data } of table.children) for (const batch of data) checkLengths(batch as unknown as Batch);
      if (table.numRows > MOST_RECORDS) throw tooManyRecords(file);
      for (const row of table.toArray()) {
        if (count === limit) return;
        yield { value: plainRecord(row), place: { file, at: `[${count}]` } };
        count += 1;
      }
      onBytes?.(end);
    }
    if (before.length === 0 && fstatSync(descriptor).size > 0) throw new RangeError("no batches");
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    const hint = "Save it again, as with pyarrow.feather.write_feather, or as Parquet.";
    throw new InputError({ expected: "an Arrow file", file, got: (cause as Error).message, hint }, { cause });
  } finally {
    closeSync(descriptor);
  }
};
