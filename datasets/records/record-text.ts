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

/** The value of a line of JSON; undefined for a blank one. @throws InputError with line and column */
export function valueOfLine(bytes: Buffer, file: string, line: number): { readonly value: unknown } | undefined {
  const text = utf8Text(bytes);
  if (text === undefined) throw new InputError({ expected: "text in UTF-8", file, line, ...otherForm(file) });
  if (text.trim() === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const { offset, expected } = findJsonFault(text);
    const got = offset < text.trimEnd().length ? text.slice(offset, offset + 20) : "the end of the line";
    throw new InputError({ expected: `JSON: ${expected}`, file, line, column: offset + 1, got }, { cause });
  }
  checkJson(text, value, file, line);
  return { value };
}
