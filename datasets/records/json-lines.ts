import { InputError } from "../../core/index.ts";
import type { DataRecord, RecordReader } from "./record.ts";
import { valueOfLine } from "./record-text.ts";
import { textBytes } from "./text-bytes.ts";

const NEWLINE = 0x0a;
/** Bytes of a line: half of what a text can have. */
const MOST_OF_A_LINE = 2 ** 28;

/** The lines of bytes, without their ends. @throws InputError for one that is too long */
async function* linesOf(bytes: AsyncIterable<Buffer>, file: string): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let held = 0;
  let line = 1;
  for await (const piece of bytes) {
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, start)) {
      const last = piece.subarray(start, end);
      yield rest.length === 0 ? last : Buffer.concat([...rest, last]);
      rest = [];
      held = 0;
      line += 1;
      start = end + 1;
    }
    if (start === piece.length) continue;
    rest.push(piece.subarray(start));
    held += piece.length - start;
    if (held > MOST_OF_A_LINE)
      throw new InputError({ expected: `lines of at most ${MOST_OF_A_LINE} bytes`, file, line, got: "a longer one" });
  }
  if (rest.length > 0) yield Buffer.concat(rest);
}

/** One JSON value a line; blank lines are passed over. */
export const readJsonLines: RecordReader = async function* (file, { limit, onBytes }): AsyncGenerator<DataRecord> {
  let line = 0;
  let count = 0;
  for await (const bytes of linesOf(textBytes(file, onBytes), file)) {
    line += 1;
    const found = valueOfLine(bytes, file, line);
    if (found === undefined) continue;
    yield { value: found.value, place: { file, line } };
    count += 1;
    if (count === limit) return;
  }
};
