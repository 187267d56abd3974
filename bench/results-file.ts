import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { InputError } from "../core/index.ts";
import { type CaseRecord, caseRecordSchema } from "./case-record.ts";

const lineOf = (record: CaseRecord): string => `${JSON.stringify(record)}\n`;

/** The text up to its last whole line: a process that was killed may have left the beginning of another one. */
function wholeLines(text: string): string {
  return text.slice(0, text.lastIndexOf("\n") + 1);
}

/** The records of a results file's text. @throws InputError for a whole line that is none. */
export function parseResults(text: string, file: string): readonly CaseRecord[] {
  return wholeLines(text)
    .split("\n")
    .slice(0, -1)
    .map((line, index) => {
      try {
        return caseRecordSchema.parse(JSON.parse(line));
      } catch (error) {
        throw new InputError({ expected: "the results of a case", file, line: index + 1, got: line }, { cause: error });
      }
    });
}

/** The records of a file, none where it is not there yet. @throws InputError */
export function readResults(file: string): readonly CaseRecord[] {
  return existsSync(file) ? parseResults(readFileSync(file, "utf8"), file) : [];
}

/** Adds a record in one write, so that it is there as a whole or not at all. */
export function appendResult(file: string, record: CaseRecord): void {
  mkdirSync(path.dirname(file), { recursive: true });
  if (existsSync(file)) truncateSync(file, Buffer.byteLength(wholeLines(readFileSync(file, "utf8"))));
  appendFileSync(file, lineOf(record));
}

/** Writes the file anew with these records alone. */
export function replaceResults(file: string, records: readonly CaseRecord[]): void {
  if (!existsSync(file)) return;
  const next = `${file}.new`;
  writeFileSync(next, records.map(lineOf).join(""));
  renameSync(next, file);
}
