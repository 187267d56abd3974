import { InputError } from "../core/index.ts";
import type { DataFormat, FileSource } from "./data-source.ts";
import type { DataRecord, Place } from "./records/record.ts";
import { NOT_SCORED, type Row } from "./row.ts";
import { ignoredColumns, renameColumns } from "./rows/columns.ts";
import { checkDirectives, fieldsUsed } from "./rows/directives.ts";
import { readingOf } from "./rows/reading.ts";
import type { MadeRow, RowContext } from "./rows/row-kind.ts";
import { rowsOfRecord } from "./rows/rows-of-record.ts";
import type { TextTokenizer } from "./tokenizer.ts";
import { isMostlyUnknown, tokenizerRemarks } from "./tokenizer-fit.ts";
import { needsWhole } from "./window-rows.ts";

/** Records on their way to rows: data that another thread can be given. */
export interface RowWork {
  readonly records: readonly DataRecord[];
  readonly source: FileSource & { readonly format: DataFormat };
  /** The tokenizer's when absent. */
  readonly vocabularySize?: number | undefined;
  /** All when absent. */
  readonly mostTokens?: number | undefined;
}

/** What a record became: a row, or the two of a pair, or why there is none. */
export type MadeOrRefused =
  | {
      readonly rows: readonly MadeRow[];
      /** Columns of which nothing is made. */
      readonly ignored: readonly string[];
    }
  | { readonly refused: InputError };

function checkIds({ inputIds, labels }: Row, vocabularySize: number, place: Place): void {
  for (const [name, ids] of [
    ["input_ids", inputIds],
    ["labels", labels],
  ] as const) {
    const index = ids.findIndex((id) => (id < 0 || id >= vocabularySize) && !(name === "labels" && id === NOT_SCORED));
    if (index === -1) continue;
    const at = `${place.at === undefined ? "" : `${place.at}.`}${name}[${index}]`;
    const known = Number.isFinite(vocabularySize) ? ` below ${vocabularySize}` : " of at least 0";
    const expected = `a token id${known}${name === "labels" ? ` or ${NOT_SCORED}` : ""}`;
    throw new InputError({ expected, ...place, at, got: ids[index] });
  }
}

const MOSTLY_UNKNOWN = "most of the tokens are bytes or unknown: the tokenizer may be another model's";

/** What records become, in their order. `onRecord` is told which is begun. */
export function makeRows(
  { records, source, vocabularySize, mostTokens }: RowWork,
  tokenizer: TextTokenizer | undefined,
  at = "data",
  onRecord: (index: number) => void = () => {},
): readonly MadeOrRefused[] {
  const context: RowContext = {
    source,
    reading: readingOf(source),
    mostTokens: needsWhole(source) ? Number.POSITIVE_INFINITY : (mostTokens ?? Number.POSITIVE_INFINITY),
    tokenizer() {
      if (tokenizer !== undefined) return tokenizer;
      throw new InputError({ expected: "a model with a tokenizer", at, hint: "Only format: tokens does without one." });
    },
  };
  const used = fieldsUsed(source);
  const known = source.format === "tokens" || tokenizer === undefined ? undefined : tokenizer;
  const remarks = known === undefined ? [] : tokenizerRemarks(known, source.chatTemplate);
  const remarked = (row: MadeRow): MadeRow => {
    const isUnknown = known !== undefined && isMostlyUnknown(row.inputIds, known);
    const all = [...remarks, ...(row.remarks ?? []), ...(isUnknown ? [MOSTLY_UNKNOWN] : [])];
    return all.length === 0 ? row : { ...row, remarks: all };
  };
  const idsBelow = vocabularySize ?? tokenizer?.vocabularySize ?? Number.POSITIVE_INFINITY;
  const make = (given: DataRecord): MadeOrRefused => {
    if (given.fault !== undefined) throw new InputError(given.fault);
    const record = renameColumns(given, source, false);
    checkDirectives(record, used, source.format);
    const rows = rowsOfRecord(record, source.format, context);
    for (const row of rows) {
      if (row.inputIds.length === 0)
        throw new InputError({ expected: "at least one token", ...record.place, got: "none" });
      checkIds(row, idsBelow, record.place);
    }
    return { rows: rows.map(remarked), ignored: ignoredColumns(record, source.format, source) };
  };
  return records.map((record, index) => {
    onRecord(index);
    try {
      return make(record);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { refused: error };
    }
  });
}
