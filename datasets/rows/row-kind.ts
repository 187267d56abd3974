import { InputError, isMapping, type Mapping, ownValue } from "../../core/index.ts";
import type { FileSource } from "../data-source.ts";
import { type DataRecord, fieldAt } from "../records/record.ts";
import { NOT_SCORED, type Row } from "../row.ts";
import type { TextTokenizer } from "../tokenizer.ts";
import { encodeTogether, type TogetherEncoded } from "./encode-together.ts";
import type { Reading } from "./reading.ts";

export interface RowContext {
  readonly source: FileSource;
  readonly reading: Reading;
  /** Of a row that is longer no more has to be made than shows that it is. */
  readonly mostTokens: number;
  /** @throws InputError when the model has no tokenizer */
  readonly tokenizer: () => TextTokenizer;
}

/** Which of the rows of a preference a row is. */
export type RowName = "chosen" | "rejected" | "desirable" | "undesirable";

export interface MadeRow extends Row {
  readonly name?: RowName;
  /** Whether a token reaches from what is not scored into what is, or the other way round. */
  readonly isJoined?: boolean;
  /** What a person should look at. */
  readonly remarks?: readonly string[];
}

/** Makes the whole training sequence of a record; cutting and the vocabulary check come after it. */
export type RowKind = (record: DataRecord, context: RowContext) => MadeRow;

/** The record as an object. */
export function fieldsOf({ value, place }: DataRecord): Mapping {
  if (isMapping(value)) return value;
  throw new InputError({ expected: "a record that is an object", ...place, got: value });
}

/** The fields of a record, and which of them hold nothing. */
export function fieldNames(record: DataRecord): readonly string[] {
  return Object.entries(fieldsOf(record)).map(([name, value]) =>
    value === null || value === "" ? `${name} (empty)` : name,
  );
}

/** A field's text; numbers and booleans are written out. */
export function textField(record: DataRecord, field: string): string {
  const fields = fieldsOf(record);
  const value = ownValue(fields, field);
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const at = fieldAt(record.place, field);
  if (value !== undefined) throw new InputError({ expected: "a text", ...record.place, at, got: value });
  throw new InputError({ expected: `the field "${field}"`, ...record.place, at, got: Object.keys(fields) });
}

/** A piece of a row's text. */
export interface RowPart {
  readonly text: string;
  readonly scored: boolean;
  /** A token that reaches from the part before into this one is not scored, where one of the two is not. */
  readonly isStrict?: true;
}

/** How the parts of a row become tokens. */
export interface RowForm {
  readonly mostTokens: number;
  /** Whether they are a text of their own, to which what the tokenizer puts before one belongs; and the end token. */
  readonly begins: boolean;
  readonly ends: boolean;
  /** Whether each part is tokenized by itself. */
  readonly isApart?: boolean;
}

/** Stands in a text where its pieces are tokenized apart: a character of no text. */
export const PIECE_BORDER = "\ufdd3";

function encodeApart(tokenizer: TextTokenizer, texts: readonly string[], most: number): TogetherEncoded {
  const ids: number[] = [];
  const starts: number[] = [];
  for (const text of texts) {
    starts.push(Math.min(ids.length, most + 1));
    if (ids.length <= most)
      for (const piece of text.split(PIECE_BORDER))
        if (piece !== "") for (const id of tokenizer.encode(piece)) ids.push(id);
  }
  return { ids: ids.slice(0, most + 1), starts, joined: texts.map(() => false) };
}

function isPrefix(start: readonly number[], ids: readonly number[]): boolean {
  return start.every((id, index) => ids[index] === id);
}

/**
 * A sequence of parts, tokenized together unless the form says otherwise. What the tokenizer puts in front is not put
 * before a text that begins with it, nor the end token behind one that ends with it; an empty last part ends with none.
 */
export function rowOfParts(tokenizer: TextTokenizer, parts: readonly RowPart[], form: RowForm): MadeRow {
  const encode = form.isApart === true ? encodeApart : encodeTogether;
  const texts = parts.map(({ text }) => text);
  const { ids, starts, joined } = encode(tokenizer, texts, form.mostTokens);
  const { around } = tokenizer;
  const isBegun = !form.begins || isPrefix(around.before, ids);
  const before = isBegun ? [] : around.before;
  const closed = form.ends ? [...around.after] : [];
  const last = closed.at(-1) ?? ids.slice(starts.at(-1)).at(-1);
  if (form.ends && last !== tokenizer.eosId) closed.push(tokenizer.eosId);
  const inputIds = Int32Array.from([...before, ...ids, ...closed]);
  const labels = inputIds.slice();
  parts.forEach(({ scored, isStrict }, part) => {
    const start = part === 0 ? 0 : before.length + starts[part]!;
    const end = part + 1 === parts.length ? labels.length : before.length + starts[part + 1]!;
    if (!scored) labels.fill(NOT_SCORED, start, end);
    else if (isStrict === true && joined[part] === true && parts[part - 1]?.scored === false)
      labels.fill(NOT_SCORED, start, start + 1);
  });
  return {
    inputIds,
    labels,
    isJoined: joined.some((is, part) => is && parts[part]!.scored !== parts[part - 1]!.scored),
  };
}
