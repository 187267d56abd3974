import { existsSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import { isHubPath } from "../../datasets/index.ts";
import { absolute, type Place, writeOutput } from "../../files/index.ts";
import { parseWorkload } from "../../plan/index.ts";

/** @throws InputError for a file that is there, unless it is to be replaced */
export function refuseExisting(place: Place, file: string, overwrite: boolean): void {
  if (overwrite || !existsSync(absolute(place, file))) return;
  throw new InputError({
    expected: "a file that is not there yet",
    at: "--output",
    got: file,
    hint: "--overwrite replaces it; -o FILE writes another.",
  });
}

/** A path from where a person is as one from the folder of the file that will name it. */
export function pathFrom(place: Place, output: string, given: string): string {
  if (isHubPath(given) || path.isAbsolute(given)) return given;
  return path.relative(path.dirname(absolute(place, output)), absolute(place, given)) || ".";
}

/** Writes a workload, which is checked before. @throws InputError where it would not be valid, or cannot be written */
export function writeWorkload(place: Place, file: string, text: string): void {
  try {
    parseWorkload(text, file);
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    // Its lines are in no file.
    const { line: _line, column: _column, file: _file, ...facts } = cause.facts;
    throw new InputError({ ...facts, hint: "No workload has such a value; nothing is written." }, { cause });
  }
  writeOutput(place, file, text);
}
