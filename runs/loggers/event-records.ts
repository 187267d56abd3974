import { maskedCrc32c } from "./crc32c.ts";

// Records of TensorBoard's event files: TFRecord frames around protobuf messages, of which these few fields are needed.
// Sources: tensorflow/core/util/event.proto, framework/summary.proto, lib/io/record_writer.cc.

/** Field numbers. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7, sourceMetadata: 10 } as const;
const SUMMARY_VALUE = 1;
const VALUE = { tag: 1, simpleValue: 2, tensor: 8, metadata: 9 } as const;
const SOURCE_WRITER = 1;
const SESSION_STATUS = 1;
const SESSION_START = 1;
const PLUGIN_DATA = 1;
const PLUGIN_NAME = 1;
const TENSOR = { type: 1, shape: 2, stringValue: 8 } as const;
const TYPE_STRING = 7;

/** How a field is written: as a varint, eight bytes, a length and bytes, or four bytes. */
const [VARINT, BYTES_8, LENGTH, BYTES_4] = [0, 1, 2, 5] as const;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return Buffer.from([...bytes, left]);
}

const key = (field: number, form: number): Buffer => varint(field * 8 + form);

function numberField(field: number, value: number): Buffer {
  return Buffer.concat([key(field, VARINT), varint(value)]);
}

function bytesField(field: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([key(field, LENGTH), varint(bytes.length), bytes]);
}

function doubleField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, BYTES_8), bytes]);
}

function floatField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, BYTES_4), bytes]);
}

function withChecksum(bytes: Buffer): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(maskedCrc32c(bytes));
  return Buffer.concat([bytes, checksum]);
}

/** `seconds`: of the day's clock, since 1970. A step of 0 is not written. */
function record(seconds: number, step: number, ...fields: readonly Buffer[]): Buffer {
  const stepField = step === 0 ? [] : [numberField(EVENT.step, step)];
  const event = Buffer.concat([doubleField(EVENT.wallTime, seconds), ...stepField, ...fields]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(event.length));
  return Buffer.concat([withChecksum(length), withChecksum(event)]);
}

/** The first record of a file. */
export function versionRecord(seconds: number, writer: string): Buffer {
  const source = bytesField(SOURCE_WRITER, writer);
  return record(seconds, 0, bytesField(EVENT.fileVersion, "brain.Event:2"), bytesField(EVENT.sourceMetadata, source));
}

/** A run goes on: what earlier files have of this step and later ones is void. */
export function restartRecord(seconds: number, step: number): Buffer {
  return record(seconds, step, bytesField(EVENT.sessionLog, numberField(SESSION_STATUS, SESSION_START)));
}

/** Float32, as TensorBoard keeps it; may be no number. */
export function scalarRecord(seconds: number, step: number, tag: string, value: number): Buffer {
  const own = Buffer.concat([bytesField(VALUE.tag, tag), floatField(VALUE.simpleValue, value)]);
  return record(seconds, step, bytesField(EVENT.summary, bytesField(SUMMARY_VALUE, own)));
}

/** Markdown on TensorBoard's page of texts. */
export function textRecord(seconds: number, step: number, tag: string, text: string): Buffer {
  const metadata = bytesField(PLUGIN_DATA, bytesField(PLUGIN_NAME, "text"));
  // One dimension, of size 1.
  const shape = bytesField(2, numberField(1, 1));
  const tensor = Buffer.concat([
    numberField(TENSOR.type, TYPE_STRING),
    bytesField(TENSOR.shape, shape),
    bytesField(TENSOR.stringValue, text),
  ]);
  const own = Buffer.concat([
    bytesField(VALUE.tag, tag),
    bytesField(VALUE.tensor, tensor),
    bytesField(VALUE.metadata, metadata),
  ]);
  return record(seconds, step, bytesField(EVENT.summary, bytesField(SUMMARY_VALUE, own)));
}
