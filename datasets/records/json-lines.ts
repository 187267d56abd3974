import { InputError } from "../../core/index.ts";
import { type DataRecord, MOST_RECORDS, type RecordReader, recordOf } from "./record.ts";
import { BLANK, valueOfLine } from "./record-text.ts";
import { textBytes } from "./text-bytes.ts";

const NEWLINE = 0x0a;
/** Bytes of a line: half of what a text can have. */
const MOST_OF_A_LINE = 2 ** 28;
/** With those that are blank. */
const MOST_LINES = 2 * MOST_RECORDS;

interface Line {
  readonly bytes: Buffer;
  /** From 1. */
  readonly line: number;
}

/** The lines of bytes, without their ends; not those of no bytes. @throws InputError for one that is too long, and too many */
async function* linesOf(bytes: AsyncIterable<Buffer>, file: string): AsyncGenerator<Line> {
  let rest: Buffer[] = [];
  let held = 0;
  let line = 1;
  for await (const piece of bytes) {
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, start)) {
      if (end > start || held > 0) {
        const last = piece.subarray(start, end);
        yield { bytes: rest.length === 0 ? last : Buffer.concat([...rest, last]), line };
      }
      rest = [];
      held = 0;
      line += 1;
      start = end + 1;
    }
    if (line > MOST_LINES) throw new InputError({ expected: `at most ${MOST_LINES} lines`, file, got: "more" });
    if (start === piece.length) continue;
    rest.push(piece.subarray(start));
    held += piece.length - start;
    if (held > MOST_OF_A_LINE)
      throw new InputError({ expected: `lines of at most ${MOST_OF_A_LINE} bytes`, file, line, got: "a longer one" });
  }
  if (rest.length > 0) yield { bytes: Buffer.concat(rest), line };
}

/** One JSON value a line; blank lines are passed over. */
export const readJsonLines: RecordReader = async function* (file, { limit, onBytes }): AsyncGenerator<DataRecord> {
  let count = 0;
  for await (const { bytes, line } of linesOf(textBytes(file, onBytes), file)) {
    const record = recordOf({ file, line }, () => valueOfLine(bytes, file, line));
    if (record.value === BLANK) continue;
    yield record;
    count += 1;
    if (count === limit) return;
  }
};
