import { InputError } from "../../core/index.ts";
import { type ReadText, readText } from "./read-text.ts";

/** The lines of a file as they stand there, each with its newline: a last one without was not written to its end. */
export type FileLines = Iterable<string>;

/** A line as JSON. */
export interface JsonLine extends ReadText {
  /** From 1. */
  readonly line: number;
}

/**
 * The lines that are not empty, without one that was not written to its end, of which `onTorn` hears. One at a time, since
 * a file of lines may be longer than a string can be. @throws InputError for one that is no JSON
 */
export function* jsonLines(lines: FileLines, file: string, onTorn?: (line: number) => void): Generator<JsonLine> {
  let line = 0;
  for (const text of lines) {
    line += 1;
    if (text.trim() === "") continue;
    if (!text.endsWith("\n")) {
      onTorn?.(line);
      continue;
    }
    const place = { line, column: 1 };
    yield { ...readLine(text.trimEnd(), file, line), line, locate: () => place };
  }
}

function readLine(text: string, file: string, line: number): ReadText {
  try {
    return readText(text, file);
  } catch (error) {
    throw new InputError({ expected: "a line of JSON", file, line, got: text.slice(0, 40) }, { cause: error });
  }
}
