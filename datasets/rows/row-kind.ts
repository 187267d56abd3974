import { InputError, ownValue, sum } from "../../core/index.ts";
import type { FileSource } from "../data-source.ts";
import { type DataRecord, fieldAt } from "../records/record.ts";
import type { Row } from "../row.ts";
import type { TextTokenizer } from "../tokenizer.ts";

export interface RowContext {
  readonly source: FileSource;
  /** Of a row that is longer no more has to be made than shows that it is. */
  readonly mostTokens: number;
  /** @throws InputError when the model has no tokenizer */
  readonly tokenizer: () => TextTokenizer;
}

/** Makes the whole training sequence of a record; cutting and the vocabulary check come after it. */
export type RowKind = (record: DataRecord, context: RowContext) => Row;

/** The record as an object. */
export function fieldsOf(record: DataRecord): Readonly<Record<string, unknown>> {
  const { value, place } = record;
  if (value !== null && typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new InputError({ expected: "a record that is an object", ...place, got: value });
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

/** A sequence from pieces of tokens that are scored or not. */
export function joinPieces(
  pieces: readonly { readonly ids: readonly number[]; readonly scored: boolean }[],
  notScored: number,
): Row {
  const length = sum(pieces.map(({ ids }) => ids.length));
  const inputIds = new Int32Array(length);
  const labels = new Int32Array(length).fill(notScored);
  let at = 0;
  for (const { ids, scored } of pieces) {
    inputIds.set(ids, at);
    if (scored) labels.set(ids, at);
    at += ids.length;
  }
  return { inputIds, labels };
}
