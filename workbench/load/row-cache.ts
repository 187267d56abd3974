import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import path from "node:path";
import type { SkippedRecords, WholeRows } from "../../datasets/index.ts";
import { userCache, writeWholeFile } from "../../files/index.ts";
import { packRows, unpackRows } from "./packed-rows.ts";

/** Raised when the same data give other rows than before. */
const VERSION = 5;
const MAGIC = "LTROWS";
/** All files together; the ones that were used longest ago go. */
const MOST_BYTES = 2 ** 30;

interface Header {
  readonly magic: string;
  readonly version: number;
  readonly format: WholeRows["format"];
  readonly inferred: string | null;
  readonly numJoined: number;
  readonly ignored: readonly string[];
  readonly remarks: WholeRows["remarks"];
  readonly skipped: SkippedRecords | null;
  readonly numRows: number;
  readonly numTokens: number;
}

function fileOf(key: string): string {
  return path.join(userCache("rows"), `${key}.bin`);
}

/** Rows as one file: a line that says what there is, then in 32-bit words the lengths, the tokens and the labels. */
function encode({ rows, numJoined, ignored, remarks, format, inferred, skipped }: WholeRows): Uint8Array {
  const numTokens = rows.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
  const header: Header = {
    ...{
      magic: MAGIC,
      version: VERSION,
      format,
      inferred: inferred ?? null,
      numJoined,
      ignored,
      remarks,
      skipped: skipped ?? null,
      numRows: rows.length,
      numTokens,
    },
  };
  const line = JSON.stringify(header);
  // Words start at a multiple of four bytes.
  const head = Buffer.from(`${line}${" ".repeat(3 - (Buffer.byteLength(line) % 4))}\n`);
  return Buffer.concat([head, new Uint8Array(packRows(rows).buffer)]);
}

/** Undefined for a file that is not whole, or of another version. */
function decode(bytes: Buffer): Omit<WholeRows, "file" | "shuffle" | "tooLong"> | undefined {
  const end = bytes.indexOf("\n") + 1;
  if (end === 0 || end % 4 !== 0) return undefined;
  const { magic, version, format, inferred, numJoined, ignored, remarks, skipped, numRows, numTokens } = JSON.parse(
    bytes.toString("utf8", 0, end),
  ) as Header;
  const numWords = numRows + 2 * numTokens;
  if (magic !== MAGIC || version !== VERSION || bytes.length !== end + 4 * numWords) return undefined;
  const rows = unpackRows(new Int32Array(bytes.buffer, bytes.byteOffset + end, numWords), numRows);
  if (rows === undefined) return undefined;
  const reason = inferred === null ? {} : { inferred };
  return { rows, numJoined, ignored, remarks, format, ...reason, ...(skipped === null ? {} : { skipped }) };
}

/** What a key's rows are; undefined where nobody has kept them. */
export function cachedRows(key: string): ReturnType<typeof decode> {
  const file = fileOf(key);
  try {
    const found = decode(readFileSync(file));
    const now = new Date();
    utimesSync(file, now, now);
    return found;
  } catch {
    return undefined;
  }
}

function forgetOldest(folder: string): void {
  const files = readdirSync(folder)
    .map((name) => ({ file: path.join(folder, name), ...statSync(path.join(folder, name)) }))
    .sort((a, b) => b.mtimeMs - a.mtimeMs);
  let bytes = 0;
  for (const { file, size } of files) {
    bytes += size;
    if (bytes > MOST_BYTES) rmSync(file, { force: true });
  }
}

/** Keeps rows under a key. A cache that cannot be written is none. */
export function keepRows(key: string, rows: WholeRows): void {
  const file = fileOf(key);
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeWholeFile(file, encode(rows));
    forgetOldest(path.dirname(file));
  } catch {
    // No disk, no permission: the next command tokenizes again.
  }
}
