import { findJsonFault, InputError, isMapping, ownValue, placeOf } from "../../core/index.ts";
import { MOST_WHOLE } from "../../files/index.ts";
import { checkJson } from "./check-json.ts";
import { readJsonLines } from "./json-lines.ts";
import { HeldBytes, type ListElement, listElements } from "./list-elements.ts";
import { type DataRecord, type RecordOptions, type RecordReader, recordOf } from "./record.ts";
import { notUtf8, utf8Text } from "./record-text.ts";
import { textBytes } from "./text-bytes.ts";

/** The value of a text that must be JSON. @throws InputError with line and column */
function parseWhole(bytes: Buffer, file: string): unknown {
  const text = utf8Text(bytes);
  if (text === undefined) throw notUtf8(bytes, file, 1);
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch (cause) {
    const { offset, expected } = findJsonFault(text);
    const got = offset < text.trimEnd().length ? text.slice(offset, offset + 20) : "the end of the file";
    throw new InputError({ expected: `JSON: ${expected}`, file, ...placeOf(text, offset), got }, { cause });
  }
  checkJson(text, whole, file);
  return whole;
}

function memberOf(whole: unknown, key: string): unknown {
  return isMapping(whole) ? ownValue(whole, key) : undefined;
}

function noList(whole: unknown, split: string | undefined, file: string): InputError {
  const expected =
    split === undefined ? 'an array of records, or {"data": [...]}' : `an object with an array under "${split}"`;
  const got = Array.isArray(whole) ? "an array" : isMapping(whole) ? Object.keys(whole) : whole;
  const lists = isMapping(whole) ? Object.entries(whole).filter(([, value]) => Array.isArray(value)) : [];
  const hint = `split (--split) names the list to read: ${lists.map(([name]) => name).join(", ")}.`;
  return new InputError({ expected, file, got, ...(lists.length === 0 ? {} : { hint }) });
}

/** All bytes of a text, where there are not too many to say in which line something is. */
async function wholeText(file: string): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of textBytes(file)) {
    size += piece.length;
    if (size > MOST_WHOLE) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** What is wrong with a file of JSON of which a part is: with line and column of the whole, where it is not too large. */
async function faultOf(file: string, split: string | undefined, found: InputError): Promise<InputError> {
  const bytes = await wholeText(file);
  if (bytes === undefined) return found;
  try {
    const whole = parseWhole(bytes, file);
    const list = split === undefined ? whole : memberOf(whole, split);
    return Array.isArray(list) ? found : noList(whole, split, file);
  } catch (error) {
    return error instanceof InputError ? error : found;
  }
}

/** The value of an element of a list. @throws InputError with line and column in the file */
function valueOfElement({ bytes, line, column }: ListElement, file: string, at: string): unknown {
  try {
    return parseWhole(bytes, file);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { facts } = error;
    const own = facts.line === undefined ? {} : { line: line + facts.line - 1 };
    const shift = facts.line === 1 ? column - 1 : 0;
    const place = facts.column === undefined ? own : { ...own, column: facts.column + shift };
    // Behind an element a list goes on.
    const expected = facts.expected.replace(/the end of the text$/, '"," or "]"');
    throw new InputError({ ...facts, ...place, expected, at }, { cause: error });
  }
}

async function* readList(file: string, { split, limit, onBytes }: RecordOptions, key: string | undefined) {
  const around = new HeldBytes();
  const path = key ?? "";
  let index = 0;
  try {
    for await (const element of listElements(textBytes(file, onBytes), key, around)) {
      const place = { file, at: `${path}[${index}]` };
      yield recordOf(place, () => valueOfElement(element, file, place.at));
      index += 1;
      if (index === limit) return;
    }
    const rest = parseWhole(around.all(), file);
    const list = key === undefined ? rest : memberOf(rest, key);
    if (!Array.isArray(list)) throw noList(rest, split, file);
  } catch (error) {
    if (error instanceof RangeError) throw new InputError({ expected: "JSON", file, got: error.message });
    throw error instanceof InputError ? await faultOf(file, split, error) : error;
  }
}

/** How a file of JSON begins: with a list, with a record on a line of its own before others, or else. */
async function beginningOf(file: string): Promise<"nothing" | "list" | "lines" | "other"> {
  for await (const piece of textBytes(file)) {
    const text = piece
      .toString("utf8")
      .replace(/^\ufeff/, "")
      .trimStart();
    if (text === "") continue;
    if (text.startsWith("[")) return "list";
    const [line = "", next = ""] = text.split("\n", 2);
    try {
      JSON.parse(line);
      return next.trim() === "" ? "other" : "lines";
    } catch {
      return "other";
    }
  }
  return "nothing";
}

/** A JSON array of records, or an object that holds one under `data` or the name of the split; or JSON lines. */
export const readJsonArray: RecordReader = async function* (file, options): AsyncGenerator<DataRecord> {
  const { split } = options;
  const beginning = await beginningOf(file);
  if (beginning === "nothing") return;
  if (beginning === "list" && split !== undefined) throw noList([], split, file);
  if (beginning === "lines" && split === undefined) yield* readJsonLines(file, options);
  else yield* readList(file, options, beginning === "list" ? undefined : (split ?? "data"));
};
