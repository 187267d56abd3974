import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";

const isLine = (line: string): boolean => line.trim() !== "";

/** The lines of a file, without one that a process that was killed did not finish. */
export function wholeLines(text: string): readonly string[] {
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter(isLine);
}

/** Bytes that are read of a file at once. */
const PIECE = 2 ** 20;

/** The same of a file that may be larger than memory, a piece at a time; none of one that is not there. */
export function* wholeLinesOf(file: string): Generator<string> {
  if (!existsSync(file)) return;
  const descriptor = openSync(file, "r");
  try {
    const decoder = new StringDecoder("utf8");
    const piece = Buffer.alloc(PIECE);
    let rest = "";
    for (;;) {
      const bytes = readSync(descriptor, piece);
      if (bytes === 0) return;
      const lines = (rest + decoder.write(piece.subarray(0, bytes))).split("\n");
      rest = lines.pop()!;
      yield* lines.filter(isLine);
    }
  } finally {
    closeSync(descriptor);
  }
}
