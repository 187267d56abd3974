import fs from "node:fs";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { InputError } from "../../core/index.ts";
import { passFault } from "../../files/index.ts";
import { unpackZstandard } from "./zstandard.ts";

/** Bytes that are read at once. */
const PIECE = 2 ** 16;
/** A text of more bytes than `any` may be so many times as long as it is packed; gzip comes to a thousand times. */
const UNPACKED = { any: 2 ** 28, times: 2 ** 12 } as const;

/** Told how many bytes of a file have been read. */
export type OnBytes = (bytes: number) => void;

async function* pieces(file: string, onBytes: OnBytes): AsyncGenerator<Buffer> {
  let bytes = 0;
  passFault("read", file);
  for await (const piece of fs.createReadStream(file, { highWaterMark: PIECE }) as AsyncIterable<Buffer>) {
    bytes += piece.length;
    onBytes(bytes);
    yield piece;
  }
}

async function* unpackGzip(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const input = Readable.from(packed, { objectMode: false });
  const output = createGunzip({ chunkSize: PIECE });
  input.on("error", (error) => output.destroy(error));
  try {
    yield* input.pipe(output) as AsyncIterable<Buffer>;
  } finally {
    input.destroy();
  }
}

interface Packing {
  readonly name: string;
  readonly ending: string;
  /** What its files begin with. */
  readonly magic: readonly number[];
  readonly unpack: (packed: AsyncIterable<Buffer>) => AsyncIterable<Buffer>;
}

const PACKINGS: readonly Packing[] = [
  { name: "gzip", ending: ".gz", magic: [0x1f, 0x8b], unpack: unpackGzip },
  { name: "Zstandard", ending: ".zst", magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: unpackZstandard },
];

export const PACKED_ENDINGS = PACKINGS.map(({ ending }) => ending);

/** A file's name without what says how its text is packed. */
export function unpackedName(name: string): string {
  const ending = PACKED_ENDINGS.find((each) => name.toLowerCase().endsWith(each));
  return ending === undefined ? name : name.slice(0, -ending.length);
}

/** Packings of which nothing here unpacks a file, by what it begins with. */
const OTHERS: Readonly<Record<string, readonly number[]>> = {
  "a ZIP archive": [0x50, 0x4b, 0x03, 0x04],
  "a file packed with bzip2": [0x42, 0x5a, 0x68],
  "a file packed with xz": [0xfd, 0x37, 0x7a, 0x58],
};

function beginsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte);
}

/** @throws InputError for a text in another encoding, or no text */
function checkText(first: Buffer, file: string): void {
  const other = Object.entries(OTHERS).find(([, magic]) => beginsWith(first, magic));
  if (other !== undefined)
    throw new InputError({
      expected: "text, or text packed with gzip or Zstandard",
      ...{ file, got: other[0], hint: "Unpack it first." },
    });
  if (beginsWith(first, [0xff, 0xfe]) || beginsWith(first, [0xfe, 0xff]))
    throw new InputError({
      expected: "text in UTF-8",
      file,
      got: "UTF-16",
      hint: "Convert it: iconv -f UTF-16 -t UTF-8 OLD > NEW",
    });
}

async function* whole(first: IteratorResult<Buffer>, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/**
 * The bytes of a file of text, unpacked as its first bytes ask for, a piece at a time.
 * @throws InputError for what cannot be unpacked, and for UTF-16
 */
export async function* textBytes(file: string, onBytes: OnBytes = () => {}): AsyncGenerator<Buffer> {
  let [packedBytes, textLength] = [0, 0];
  const input = pieces(file, (bytes) => {
    packedBytes = bytes;
    onBytes(bytes);
  });
  const first = await input.next();
  const packing = first.done === true ? undefined : PACKINGS.find(({ magic }) => beginsWith(first.value, magic));
  const packed = whole(first, input);
  let isFirst = true;
  try {
    for await (const piece of packing?.unpack(packed) ?? packed) {
      if (isFirst) checkText(piece, file);
      isFirst = false;
      textLength += piece.length;
      if (textLength > Math.max(UNPACKED.any, UNPACKED.times * packedBytes))
        throw new RangeError(`more than ${UNPACKED.times} times as many bytes of text`);
      yield piece;
    }
  } catch (cause) {
    const isPackings = packing !== undefined && !(cause instanceof InputError) && !isOfFile(cause);
    if (!isPackings) throw cause;
    throw new InputError(
      { expected: `a whole file of ${packing.name}`, file, got: (cause as Error).message },
      { cause },
    );
  }
}

function isOfFile(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).syscall === "string";
}
