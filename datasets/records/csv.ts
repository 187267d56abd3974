import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import { CsvError, type Info, parse } from "csv-parse";
import { InputError } from "../../core/index.ts";
import { checkReadable } from "../../files/index.ts";
import { type DataRecord, type RecordReader, recordOf } from "./record.ts";
import { notUtf8 } from "./record-text.ts";
import { type OnBytes, textBytes } from "./text-bytes.ts";

/** What is known of a row that was read: without `error` where it has a field for each column. */
type Row = Info & { readonly error?: CsvError };

function describe(error: CsvError, file: string, lines: unknown = error["lines"]): InputError {
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

/** The bytes of a text, whole lines at a time. @throws InputError for the first line that is not UTF-8 */
async function* utf8Lines(file: string, onBytes: OnBytes | undefined): AsyncGenerator<Buffer> {
  let [held, bytes, line]: [Buffer[], number, number] = [[], 0, 1];
  const take = (last: Buffer): Buffer => {
    const block = Buffer.concat([...held, last]);
    if (!isUtf8(block)) throw notUtf8(block, file, line);
    for (let at = block.indexOf("\n"); at >= 0; at = block.indexOf("\n", at + 1)) line += 1;
    return block;
  };
  for await (const piece of textBytes(file, onBytes)) {
    const end = piece.lastIndexOf("\n") + 1;
    if (end > 0) {
      yield take(piece.subarray(0, end));
      [held, bytes] = [[], 0];
    }
    held.push(piece.subarray(end));
    bytes += piece.length - end;
    if (bytes > MOST_OF_A_ROW)
      throw new InputError({ expected: `lines of at most ${MOST_OF_A_ROW} bytes`, file, line, got: "a longer one" });
  }
  yield take(Buffer.alloc(0));
}

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
    // Told of each row by itself.
    relax_column_count: header,
    skip_empty_lines: true,
    ...to,
  });
  const input = Readable.from(utf8Lines(file, onBytes), { objectMode: false });
  input.on("error", (error) => parser.destroy(error));
  let line = header ? 2 : 1;
  try {
    for await (const item of input.pipe(parser) as AsyncIterable<{ record: unknown; info: Row }>) {
      // A quoted field may hold line ends: `lines` counts to where the row ends, so the next one starts below it.
      const [{ error }, at] = [item.info, line];
      yield recordOf({ file, line }, () => {
        if (error !== undefined) throw describe(error, file, at);
        return item.record;
      });
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
