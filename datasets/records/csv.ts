import { Readable } from "node:stream";
import { CsvError, type Info, parse } from "csv-parse";
import { InputError } from "../../core/index.ts";
import { checkReadable } from "../../files/index.ts";
import type { DataRecord, RecordReader } from "./record.ts";
import { type OnBytes, textBytes } from "./text-bytes.ts";

function describe(error: CsvError, file: string): InputError {
  const lines = error["lines"];
  const place = typeof lines === "number" ? { file, line: lines } : { file };
  return new InputError(
    { expected: "a row of CSV that fits the header", ...place, got: error.message },
    { cause: error },
  );
}

interface Delimited {
  readonly delimiter: string;
  /** Each record an object by the names of the header line, or else every line a list of its fields. */
  readonly header: boolean;
  readonly limit: number;
  readonly onBytes?: OnBytes | undefined;
}

/** Characters of a row: half of what a text can have. */
const MOST_OF_A_ROW = 2 ** 28;

/** The names of the header line. @throws InputError where one stands twice */
export function headerOf(names: readonly string[], file: string): string[] {
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (twice === undefined) return [...names];
  throw new InputError({ expected: "each column once", file, line: 1, got: twice });
}

/** @throws InputError for the only column's name where it has other marks in it than commas */
function checkDelimiter(names: readonly string[], file: string): void {
  const [only = "", ...others] = names;
  const got = only.includes("\t") ? "tabs" : "semicolons";
  if (others.length > 0 || !/[\t;]/.test(only)) return;
  const hint = got === "tabs" ? "Give the file a name that ends in .tsv." : "Save it with commas, or as JSON lines.";
  throw new InputError({ expected: "columns with commas between them", file, line: 1, got, hint });
}

async function* readDelimited(
  file: string,
  { delimiter, header, limit, onBytes }: Delimited,
): AsyncGenerator<DataRecord> {
  const to = Number.isFinite(limit) ? { to: limit } : {};
  const columns = (names: string[]): string[] => {
    if (delimiter === ",") checkDelimiter(names, file);
    return headerOf(names, file);
  };
  const parser = parse({
    bom: true,
    columns: header && columns,
    delimiter,
    info: true,
    max_record_size: MOST_OF_A_ROW,
    skip_empty_lines: true,
    ...to,
  });
  const input = Readable.from(textBytes(file, onBytes), { objectMode: false });
  input.on("error", (error) => parser.destroy(error));
  let line = header ? 2 : 1;
  try {
    for await (const item of input.pipe(parser) as AsyncIterable<{ record: unknown; info: Info }>) {
      // A quoted field may hold line ends: `lines` counts to where the row ends, so the next one starts below it.
      yield { value: item.record, place: { file, line } };
      line = item.info.lines + 1;
    }
  } catch (error) {
    throw error instanceof CsvError ? describe(error, file) : error;
  } finally {
    input.destroy();
  }
}

/** Comma-separated rows with a header line; every value is text. */
export const readCsv: RecordReader = (file, { limit, onBytes }) =>
  readDelimited(file, { delimiter: ",", header: true, limit, onBytes });

/** Tab-separated rows with a header line; every value is text. */
export const readTsv: RecordReader = (file, { limit, onBytes }) =>
  readDelimited(file, { delimiter: "\t", header: true, limit, onBytes });

/** Comma-separated rows as lists of fields, the header line being the first where there is one. */
export function readCsvLines(file: string): AsyncGenerator<DataRecord> {
  checkReadable(file);
  return readDelimited(file, { delimiter: ",", header: false, limit: Number.POSITIVE_INFINITY });
}
