import { CsvError, parse } from "csv-parse/sync";
import { InputError } from "../../core/index.ts";
import { headerOf } from "./csv.ts";

/** A row by the names of the header line. */
export interface CsvRow {
  /** From 1, the header's. */
  readonly line: number;
  readonly cells: Readonly<Record<string, string>>;
}

/** The rows of a text whose first line has the names of its columns. @throws InputError for a row that does not fit it */
export function csvRows(text: string, file: string): readonly CsvRow[] {
  try {
    const rows = parse(text, {
      bom: true,
      columns: (names: string[]) => headerOf(names, file),
      info: true,
      skip_empty_lines: true,
      trim: true,
    });
    return (rows as readonly { record: Record<string, string>; info: { lines: number } }[]).map(({ record, info }) => ({
      line: info.lines,
      cells: record,
    }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const { lines } = error as { readonly lines?: number };
    const place = lines === undefined ? { file } : { file, line: lines };
    throw new InputError({ expected: "a row of CSV that fits the header", ...place, got: error.message });
  }
}
