import { findJsonFault, InputError, ownValue, placeOf } from "../../core/index.ts";
import { readWhole } from "../../files/index.ts";
import { checkJson } from "./check-json.ts";
import type { DataRecord, RecordReader } from "./record.ts";

/** A JSON array of records, or an object that holds one under `data` or the name of the split. */
export const readJsonArray: RecordReader = async function* (file, { split, limit }): AsyncGenerator<DataRecord> {
  const bytes = readWhole(file);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new InputError({ expected: "a text in UTF-8", file, got: (cause as Error).message }, { cause });
  }
  if (text.trim() === "") return;
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch (cause) {
    const { offset, expected } = findJsonFault(text);
    const got = offset < text.trimEnd().length ? text.slice(offset, offset + 20) : "the end of the file";
    throw new InputError({ expected: `JSON: ${expected}`, file, ...placeOf(text, offset), got }, { cause });
  }
  checkJson(text, whole, file);
  const key = split ?? "data";
  const isMapping = typeof whole === "object" && whole !== null && !Array.isArray(whole);
  const inside = isMapping ? ownValue(whole as Readonly<Record<string, unknown>>, key) : undefined;
  const list = Array.isArray(whole) && split === undefined ? whole : inside;
  if (!Array.isArray(list)) {
    const expected =
      split === undefined ? 'an array of records, or {"data": [...]}' : `an object with an array under "${split}"`;
    const got = Array.isArray(whole)
      ? "an array"
      : whole !== null && typeof whole === "object"
        ? Object.keys(whole)
        : whole;
    throw new InputError({ expected, file, got });
  }
  const path = Array.isArray(whole) ? "" : key;
  for (const [index, value] of list.slice(0, limit).entries())
    yield { value, place: { file, at: `${path}[${index}]` } };
};
