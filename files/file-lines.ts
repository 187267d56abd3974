import { closeSync, existsSync, fstatSync, readSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { InputError } from "../core/index.ts";
import { openToRead } from "./readable-file.ts";

/** Bytes that are read of a file at once. */
const PIECE = 2 ** 20;
/** Characters: half of what a string can have. */
const MOST_OF_A_LINE = 2 ** 28;

/**
 * The lines of a file that may be larger than memory, a piece of it at a time; none of one that is not there.
 * @throws what the system throws, or what `refused` makes of it; InputError for a line that is no line of ours
 */
export function* linesOfFile(file: string, refused = (error: unknown): unknown => error): Generator<string> {
  if (!existsSync(file)) return;
  const descriptor = openToRead(file);
  const read = (piece: Uint8Array): number => {
    try {
      return readSync(descriptor, piece);
    } catch (error) {
      throw refused(error);
    }
  };
  try {
    const decoder = new StringDecoder("utf8");
    const piece = Buffer.alloc(PIECE);
    let rest = "";
    for (;;) {
      const bytes = read(piece);
      const lines = (bytes === 0 ? decoder.end() : decoder.write(piece.subarray(0, bytes))).split("\n");
      lines[0] = rest + lines[0]!;
      rest = lines.pop()!;
      for (const line of lines) yield `${line}\n`;
      if (rest.length > MOST_OF_A_LINE)
        throw new InputError({ expected: `lines of at most ${MOST_OF_A_LINE} characters`, file, got: "a longer one" });
      if (bytes > 0) continue;
      if (rest !== "") yield rest;
      return;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** The lines of a file that are not empty, each whole and without its newline. */
export function* wholeLinesOf(file: string): Generator<string> {
  for (const line of linesOfFile(file)) if (line.endsWith("\n") && line.trim() !== "") yield line.slice(0, -1);
}

/** Bytes of a file's whole lines: all but those of a last one that was not written to its end. */
export function bytesOfWholeLines(descriptor: number): number {
  const piece = Buffer.alloc(PIECE);
  for (let end = fstatSync(descriptor).size; end > 0; end -= Math.min(PIECE, end)) {
    const start = Math.max(0, end - PIECE);
    const bytes = readSync(descriptor, piece, 0, end - start, start);
    const last = piece.subarray(0, bytes).lastIndexOf(0x0a);
    if (last >= 0) return start + last + 1;
  }
  return 0;
}
