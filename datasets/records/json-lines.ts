import fs from "node:fs";
import { findJsonFault, InputError } from "../../core/index.ts";
import { otherForm, passFault } from "../../files/index.ts";
import { checkJson } from "./check-json.ts";
import type { DataRecord, RecordReader } from "./record.ts";

const NEWLINE = 0x0a;
/** Bytes of a line: half of what a text can have. */
const MOST_OF_A_LINE = 2 ** 28;

/** The lines of a file as bytes, without their ends; a file may be larger than memory. */
async function* linesOf(file: string): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let held = 0;
  let line = 1;
  passFault("read", file);
  for await (const chunk of fs.createReadStream(file) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, end)]);
      rest = [];
      held = 0;
      line += 1;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    rest.push(chunk.subarray(start));
    held += chunk.length - start;
    if (held > MOST_OF_A_LINE)
      throw new InputError({ expected: `lines of at most ${MOST_OF_A_LINE} bytes`, file, line, got: "a longer one" });
  }
  if (rest.length > 0) yield Buffer.concat(rest);
}

/** One JSON value a line; blank lines are passed over. */
export const readJsonLines: RecordReader = async function* (file, { limit }): AsyncGenerator<DataRecord> {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  let line = 0;
  let count = 0;
  for await (const bytes of linesOf(file)) {
    line += 1;
    let text: string;
    try {
      text = utf8.decode(bytes);
    } catch (cause) {
      throw new InputError({ expected: "text in UTF-8", file, line, ...otherForm(file) }, { cause });
    }
    if (text.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      const { offset, expected } = findJsonFault(text);
      const got = offset < text.trimEnd().length ? text.slice(offset, offset + 20) : "the end of the line";
      throw new InputError({ expected: `JSON: ${expected}`, file, line, column: offset + 1, got }, { cause });
    }
    checkJson(text, value, file, line);
    yield { value, place: { file, line } };
    count += 1;
    if (count === limit) return;
  }
};
