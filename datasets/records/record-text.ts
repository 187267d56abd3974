import { isUtf8 } from "node:buffer";
import { findJsonFault, InputError } from "../../core/index.ts";
import { otherForm } from "../../files/index.ts";
import { checkJson } from "./check-json.ts";

const BYTE_ORDER_MARK = "\ufeff";

/** The text of bytes, without a byte order mark; undefined for bytes that are not UTF-8. */
export function utf8Text(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString("utf8");
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

/**
 * Bytes that are not UTF-8, of which the first stand on line `line` of their file, with what converts a file of one byte
 * a character.
 */
export function notUtf8(bytes: Buffer, file: string, line: number): InputError {
  const other = otherForm(file);
  if (other.hint !== undefined) return new InputError({ expected: "text in UTF-8", file, line, ...other });
  const text = bytes.toString("utf8");
  let at = text.indexOf("\ufffd");
  const before = (): number => Buffer.byteLength(text.slice(0, at));
  while (text.codePointAt(at) === 0xfffd && bytes.subarray(before()).indexOf("\ufffd") === 0)
    at = text.indexOf("\ufffd", at + 1);
  const byte = bytes[before()]!;
  // Latin-1 has no letters there, Windows' form of it has.
  const encoding = byte < 0xa0 ? "WINDOWS-1252" : "LATIN1";
  return new InputError({
    expected: "text in UTF-8",
    ...{ file, line: line + text.slice(0, at).split("\n").length - 1 },
    got: `byte 0x${byte.toString(16)}`,
    hint: `If it is ${encoding}: iconv -f ${encoding} -t UTF-8 OLD > NEW`,
  });
}

/** The value of a blank line. */
export const BLANK = Symbol("blank");

/** The value of a line of JSON. @throws InputError with line and column */
export function valueOfLine(bytes: Buffer, file: string, line: number): unknown {
  const text = utf8Text(bytes);
  if (text === undefined) throw notUtf8(bytes, file, line);
  if (text.trim() === "") return BLANK;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const { offset, expected } = findJsonFault(text);
    const got = offset < text.trimEnd().length ? text.slice(offset, offset + 20) : "the end of the line";
    throw new InputError({ expected: `JSON: ${expected}`, file, line, column: offset + 1, got }, { cause });
  }
  checkJson(text, value, file, line);
  return value;
}
