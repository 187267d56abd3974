import fs from "node:fs";
import { duplicateKey, InputError, isMapping, ownValue } from "../../core/index.ts";
import { checkReadable, openToRead, passFault } from "../../files/index.ts";
import { ELEMENT_BYTES } from "./float-formats.ts";

/** Where one tensor lies: `start` and `end` are offsets from the beginning of the file. */
export interface TensorEntry {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The format's own limit, so that a damaged length does not ask for all memory. */
const MAX_HEADER_BYTES = 100_000_000;

/** Bytes `start` to `end` of a file; `fs.readSync` takes less than 2 GiB at a time. */
export function readFileRange(file: string, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - start);
  passFault("read", file);
  const handle = openToRead(file);
  try {
    let done = 0;
    while (done < bytes.length) {
      const count = fs.readSync(handle, bytes, done, Math.min(bytes.length - done, 1 << 30), start + done);
      if (count === 0)
        throw new InputError({ expected: `${end} bytes`, file, got: start + done, hint: "The file is truncated." });
      done += count;
    }
  } finally {
    fs.closeSync(handle);
  }
  return bytes;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function entryOf(name: string, raw: unknown, file: string, dataStart: number, fileBytes: number): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = (raw ?? {}) as Record<string, unknown>;
  if (typeof dtype !== "string") throw new InputError({ expected: "a dtype", file, at: `tensor ${name}`, got: dtype });
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw new InputError({ expected: "a shape of whole numbers", file, at: `tensor ${name}`, got: shape });
  }
  const [begin, end] = Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  if (!isCount(begin) || !isCount(end) || begin > end) {
    throw new InputError({ expected: "data_offsets [begin, end]", file, at: `tensor ${name}`, got: offsets });
  }
  const elementBytes = ownValue(ELEMENT_BYTES, dtype);
  if (elementBytes === undefined) {
    const expected = `a dtype among ${Object.keys(ELEMENT_BYTES).join(", ")}`;
    throw new InputError({ expected, file, at: `tensor ${name}`, got: dtype });
  }
  const wanted = shape.reduce((product: number, size: number) => product * size, elementBytes);
  if (end - begin !== wanted) {
    const expected = `${wanted} bytes for ${dtype} [${shape.join(", ")}]`;
    throw new InputError({ expected, file, at: `tensor ${name}`, got: end - begin });
  }
  if (dataStart + end > fileBytes) {
    throw new InputError({
      expected: `at least ${dataStart + end} bytes in the file`,
      file,
      at: `tensor ${name}`,
      got: fileBytes,
      hint: "The file is truncated; download or write it again.",
    });
  }
  return { name, type: dtype, shape, file, start: dataStart + begin, end: dataStart + end };
}

function refuseOverlap(tensors: readonly TensorEntry[], file: string): void {
  const byStart = tensors.filter((tensor) => tensor.end > tensor.start).toSorted((a, b) => a.start - b.start);
  for (const [index, tensor] of byStart.entries()) {
    const before = byStart[index - 1];
    if (before !== undefined && before.end > tensor.start) {
      const expected = `data that starts at or after the end of tensor ${before.name}`;
      throw new InputError({ expected, file, at: `tensor ${tensor.name}`, got: tensor.start });
    }
  }
}

/**
 * Reads and checks the header of one safetensors file: 8 bytes of length, JSON, then the data.
 * @throws InputError naming the file and, where one is at fault, the tensor.
 */
export function readHeader(file: string): SafetensorsHeader {
  const stats = fs.statSync(file, { throwIfNoEntry: false });
  if (stats === undefined) throw new InputError({ expected: "a safetensors file", file, got: "no such file" });
  if (stats.isDirectory()) throw new InputError({ expected: "a safetensors file", file, got: "a folder" });
  checkReadable(file);
  if (stats.size < 8)
    throw new InputError({ expected: "a header length in the first 8 bytes", file, got: `${stats.size} bytes` });
  const lengthBytes = readFileRange(file, 0, 8);
  const headerBytes = Number(new DataView(lengthBytes.buffer).getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES || 8 + headerBytes > stats.size) {
    const expected = `a header that fits in the file of ${stats.size} bytes`;
    throw new InputError({
      expected,
      file,
      got: `${headerBytes} bytes`,
      hint: "Truncated, or not a safetensors file.",
    });
  }
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(readFileRange(file, 8, 8 + headerBytes));
    header = JSON.parse(text);
  } catch (cause) {
    throw new InputError({ expected: "a header of JSON", file, got: (cause as Error).message }, { cause });
  }
  if (!isMapping(header)) throw new InputError({ expected: "a header that is a JSON object", file, got: header });
  const twice = duplicateKey(text, header);
  if (twice !== undefined) throw new InputError({ expected: "each tensor once", file, got: twice.key });
  const { __metadata__: metadata = {}, ...entries } = header;
  const tensors = Object.entries(entries).map(([name, raw]) => entryOf(name, raw, file, 8 + headerBytes, stats.size));
  refuseOverlap(tensors, file);
  return { tensors, metadata: metadata as Record<string, string> };
}
