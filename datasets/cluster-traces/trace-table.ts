import { InputError } from "../../core/index.ts";
import { readCsvLines } from "../records/csv.ts";
import { type TraceRow, traceRow } from "./trace-row.ts";

export interface TraceTable<Column extends string> {
  /** Columns that are read, which may be some of the file's. */
  readonly columns: readonly Column[];
  /** All columns of a table that is published without a header line; the file may have one nevertheless. */
  readonly headless?: readonly string[];
}

function placesOf<Column extends string>(
  header: readonly string[],
  columns: readonly Column[],
  file: string,
): ReadonlyMap<Column, number> {
  const names = header.map((name) => name.trim());
  const missing = columns.filter((column) => !names.includes(column));
  if (missing.length > 0)
    throw new InputError({
      expected: `a header line with the columns ${columns.join(", ")}`,
      file,
      line: 1,
      got: names,
      hint: `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not there.`,
    });
  return new Map(columns.map((column) => [column, names.indexOf(column)]));
}

/** The rows of a table of a trace. @throws InputError for a file that has other columns */
export async function* readTraceTable<Column extends string>(
  file: string,
  { columns, headless }: TraceTable<Column>,
): AsyncGenerator<TraceRow<Column>> {
  let places: ReadonlyMap<Column, number> | undefined;
  let number = 0;
  for await (const { value, place } of readCsvLines(file)) {
    const fields = value as readonly string[];
    if (places === undefined) {
      const isHeader = headless === undefined || fields[0] === headless[0];
      if (!isHeader && fields.length !== headless.length)
        throw new InputError({ expected: `the columns ${headless.join(", ")}`, ...place, got: fields });
      places = placesOf(isHeader ? fields : headless, columns, file);
      if (isHeader) continue;
    }
    number += 1;
    yield traceRow(number, place, fields, places);
  }
  if (places === undefined) throw new InputError({ expected: "a table of jobs", file, got: "an empty file" });
}
