import path from "node:path";
import { InputError, sum } from "../core/index.ts";
import type { DataFormat, DataSource, FileSource } from "./data-source.ts";
import { type DownloadOptions, downloadData } from "./hub/download.ts";
import { isHubPath } from "./hub/hub-path.ts";
import { readRecords } from "./records/read-records.ts";
import type { DataRecord, Place } from "./records/record.ts";
import { countScored, NOT_SCORED, type Row } from "./row.ts";
import { chatRow } from "./rows/chat.ts";
import { checkDirectives, fieldsUsed } from "./rows/directives.ts";
import { type InferredFormat, inferFormat } from "./rows/infer-format.ts";
import { instructionRow } from "./rows/instruction.ts";
import type { MadeRow, RowContext, RowKind } from "./rows/row-kind.ts";
import { checkTemplates } from "./rows/templates.ts";
import { textRow } from "./rows/text.ts";
import { tokensRow } from "./rows/tokens.ts";
import type { TextTokenizer } from "./tokenizer.ts";

export interface ReadDatasetOptions {
  /** Needed by every format but `tokens`. */
  readonly tokenizer?: TextTokenizer | undefined;
  /** Tokens that a row keeps; the rest is cut from the right. */
  readonly cutoffLength?: number | undefined;
  /** Ids are below this; the tokenizer's when absent. */
  readonly vocabularySize?: number | undefined;
  /** Of a row with more tokens only so many are needed, and one that shows that there are more; all when absent. */
  readonly mostTokens?: number | undefined;
  /** Relative paths start here; the current folder when absent. */
  readonly baseFolder?: string | undefined;
  /** Where the source stands in its document, for error messages: "jobs[0].data". */
  readonly at?: string | undefined;
  /** For `hf:` paths. */
  readonly download?: DownloadOptions | undefined;
}

/** Records on their way to rows: data that another thread can be given. */
export interface RowWork {
  readonly records: readonly DataRecord[];
  readonly source: FileSource & { readonly format: DataFormat };
  /** The tokenizer's when absent. */
  readonly vocabularySize?: number | undefined;
  /** All when absent. */
  readonly mostTokens?: number | undefined;
}

/** Some of a source's records one after another. */
export interface RowPart {
  readonly records: readonly DataRecord[];
  /** Undefined, with why the only record is refused, until one has shown it. */
  readonly format: DataFormat | undefined;
  readonly refused?: InputError;
  readonly inferred: string | undefined;
  /** Bytes of the files that were read up to here, of how many. */
  readonly bytesRead: number;
  readonly ofBytes: number;
  /** Of the texts in it. */
  readonly characters: number;
}

/** What a record became: a row, or why there is none. */
export type MadeOrRefused = { readonly row: MadeRow } | { readonly refused: InputError };

export interface Dataset {
  readonly rows: readonly Row[];
  readonly format: DataFormat;
  /** Why this format was taken, where the source did not say it. */
  readonly inferred?: string;
  /** Whether the rows are to be shuffled: what the source says, else yes, but not for `tokens`. */
  readonly shuffle: boolean;
  /** The file or folder that was read. */
  readonly file: string;
  /** Rows that lost tokens to the cutoff. */
  readonly numCut: number;
  /** Rows in which a token reaches across the border of what is scored, and counts to what comes after it. */
  readonly numJoined: number;
  /** Rows left out because the cutoff took every scored token. */
  readonly numDropped: number;
  /** Rows left out because the data say of all their turns that they are not trained. */
  readonly numUnscored: number;
  /** Tokens of all rows together, and those that are scored. */
  readonly numTokens: number;
  readonly numScored: number;
}

const KINDS: Readonly<Record<DataFormat, RowKind>> = {
  instruction: instructionRow,
  chat: chatRow,
  text: textRow,
  tokens: tokensRow,
};

function fileSourceOf(source: DataSource, at: string): FileSource {
  if (!("path" in source)) {
    throw new InputError({
      expected: "a path to data",
      at,
      got: source,
      hint: "Lengths alone can be simulated, not trained on.",
    });
  }
  if ((source.prompt === undefined) !== (source.response === undefined)) {
    const missing = source.prompt === undefined ? "prompt" : "response";
    throw new InputError({ expected: "both templates, prompt and response", at: `${at}.${missing}`, got: "only one" });
  }
  if (source.prompt !== undefined && source.format !== undefined && source.format !== "instruction") {
    throw new InputError({ expected: "no templates with this format", at: `${at}.prompt`, got: source.format });
  }
  return source;
}

function checkIds({ inputIds, labels }: Row, vocabularySize: number, place: Place): void {
  for (const [name, ids] of [
    ["input_ids", inputIds],
    ["labels", labels],
  ] as const) {
    const index = ids.findIndex((id) => (id < 0 || id >= vocabularySize) && !(name === "labels" && id === NOT_SCORED));
    if (index === -1) continue;
    const at = `${place.at === undefined ? "" : `${place.at}.`}${name}[${index}]`;
    const expected = `a token id below ${vocabularySize}${name === "labels" ? ` or ${NOT_SCORED}` : ""}`;
    throw new InputError({ expected, ...place, at, got: ids[index] });
  }
}

function makeRow(
  record: DataRecord,
  format: DataFormat,
  used: ReadonlySet<string>,
  context: RowContext,
  vocabularySize: number,
): MadeRow {
  checkDirectives(record, used, format);
  const row = KINDS[format](record, context);
  if (row.inputIds.length === 0) throw new InputError({ expected: "at least one token", ...record.place, got: "none" });
  checkIds(row, vocabularySize, record.place);
  return row;
}

/** What records become, in their order. `onRecord` is told which is begun. */
export function makeRows(
  { records, source, vocabularySize, mostTokens }: RowWork,
  tokenizer: TextTokenizer | undefined,
  at = "data",
  onRecord: (index: number) => void = () => {},
): readonly MadeOrRefused[] {
  const context: RowContext = {
    source,
    mostTokens: mostTokens ?? Number.POSITIVE_INFINITY,
    tokenizer() {
      if (tokenizer !== undefined) return tokenizer;
      throw new InputError({ expected: "a model with a tokenizer", at, hint: "Only format: tokens does without one." });
    },
  };
  const used = fieldsUsed(source);
  const idsBelow = vocabularySize ?? tokenizer?.vocabularySize ?? Number.POSITIVE_INFINITY;
  return records.map((record, index) => {
    onRecord(index);
    try {
      return { row: makeRow(record, source.format, used, context, idsBelow) };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { refused: error };
    }
  });
}

/** What a source's first record shows: its format, where the source does not say it. @throws InputError */
function beginSource(source: FileSource, first: DataRecord, at: string): Partial<InferredFormat> {
  checkTemplates(source, first, at);
  checkDirectives(first, fieldsUsed(source));
  return source.format === undefined ? inferFormat(source, first) : { format: source.format };
}

/** A data source as token rows of full length. */
export interface WholeRows extends Pick<Dataset, "rows" | "numJoined" | "format" | "inferred" | "shuffle" | "file"> {}

/** The file or folder that a source's records are in. @throws InputError */
export async function locateData(data: DataSource, options: ReadDatasetOptions = {}): Promise<string> {
  const source = fileSourceOf(data, options.at ?? "data");
  return isHubPath(source.path)
    ? await downloadData(source.path, source.split, options.download)
    : path.resolve(options.baseFolder ?? ".", source.path);
}

/** Of one part: few enough for threads that begin to have something soon, and for the memory. */
const MOST_OF_PART = { records: 250, characters: 250_000 } as const;

function charactersIn(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 1;
  return sum((Array.isArray(value) ? value : Object.values(value)).map(charactersIn));
}

/**
 * The records of a source, whose file or folder was located, in parts.
 * @throws InputError for the file itself
 */
export async function* readRowParts(data: DataSource, file: string, at: string): AsyncGenerator<RowPart> {
  const source = fileSourceOf(data, at);
  let [records, characters]: [DataRecord[], number] = [[], 0];
  let [bytesRead, ofBytes] = [0, 0];
  let format: DataFormat | undefined;
  let inferred: string | undefined;
  const part = (): RowPart => ({ records, format, inferred, bytesRead, ofBytes, characters });
  const onRead = (bytes: number, of: number): void => {
    [bytesRead, ofBytes] = [bytes, of];
  };
  let fault: unknown;
  try {
    for await (const record of readRecords(file, source, `${at}.path`, onRead)) {
      if (format === undefined) {
        try {
          ({ format, because: inferred } = beginSource(source, record, at));
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
          yield { ...part(), records: [record], refused: error };
          continue;
        }
      }
      records.push(record);
      characters += charactersIn(record.value);
      if (records.length < MOST_OF_PART.records && characters < MOST_OF_PART.characters) continue;
      yield part();
      [records, characters] = [[], 0];
    }
  } catch (error) {
    fault = error;
  }
  // What stands before a fault of the file comes before it.
  if (records.length > 0) yield part();
  if (fault !== undefined) throw fault;
}

/** What a record of a source became. */
export type SeenRecord = { readonly place: Place; readonly inferred: string | undefined } & (
  | { readonly format: DataFormat; readonly row: MadeRow }
  // Of the first records it may not be known.
  | { readonly format: DataFormat | undefined; readonly refused: InputError }
);

/** A part's records with what they became; undefined where that is not known of any. */
export function seenOfPart(part: RowPart, made: readonly MadeOrRefused[]): readonly SeenRecord[] {
  const { records, format, inferred, refused } = part;
  return records.map(({ place }, index) => {
    const own = made[index];
    if (own === undefined || format === undefined) return { place, inferred, format, refused: refused! };
    return { place, inferred, format, ...own };
  });
}

/**
 * Reads a data source record by record. The file itself, and a source that fits none of its records, end it.
 * @throws InputError
 */
export async function* readEachRecord(data: DataSource, options: ReadDatasetOptions = {}): AsyncGenerator<SeenRecord> {
  const { at = "data", tokenizer, vocabularySize, mostTokens } = options;
  const source = fileSourceOf(data, at);
  for await (const part of readRowParts(source, await locateData(data, options), at)) {
    const { records, format } = part;
    const work = { records, vocabularySize, mostTokens };
    yield* seenOfPart(
      part,
      format === undefined ? [] : makeRows({ ...work, source: { ...source, format } }, tokenizer, at),
    );
  }
}

/** The rows of all records. @throws InputError for the first that is refused, and where there is no record */
export async function collectRows(
  records: AsyncIterable<SeenRecord>,
  data: DataSource,
  file: string,
  at = "data",
): Promise<WholeRows> {
  const rows: Row[] = [];
  let numJoined = 0;
  let first: Extract<SeenRecord, { row: MadeRow }> | undefined;
  for await (const seen of records) {
    if ("refused" in seen) throw seen.refused;
    first ??= seen;
    const { inputIds, labels, isJoined } = seen.row;
    rows.push({ inputIds, labels });
    numJoined += Number(isJoined === true);
  }
  if (first === undefined)
    throw new InputError({ expected: "at least one scored token", at, file, got: "none", hint: "No label is scored." });
  const { format, inferred } = first;
  const shuffle = fileSourceOf(data, at).shuffle ?? format !== "tokens";
  return { rows, numJoined, format, ...(inferred === undefined ? {} : { inferred }), shuffle, file };
}

/**
 * Reads a data source into token rows of full length, prompts masked, end tokens added.
 * @throws InputError with file, line or record, and field
 */
export async function readWholeRows(data: DataSource, options: ReadDatasetOptions = {}): Promise<WholeRows> {
  return await collectRows(readEachRecord(data, options), data, await locateData(data, options), options.at);
}

/** A row cut to a length, and what becomes of it. */
export interface CutRow {
  readonly row: Row;
  readonly scored: number;
  readonly isCut: boolean;
  /** Whether it is left out: since the data say that nothing of it is trained, or since the cutoff leaves nothing. */
  readonly leftOut: "unscored" | "dropped" | undefined;
}

/** `tokens` rows that never had a scored token are kept, because rows that are replayed must keep their places. */
export function cutRow(row: Row, format: DataFormat, cutoffLength: number): CutRow {
  const isCut = row.inputIds.length > cutoffLength;
  const cut = isCut
    ? { inputIds: row.inputIds.slice(0, cutoffLength), labels: row.labels.slice(0, cutoffLength) }
    : row;
  const [scored, whole] = [countScored(cut), countScored(row)];
  if (whole === 0) return { row: cut, scored, isCut, leftOut: format === "tokens" ? undefined : "unscored" };
  return { row: cut, scored, isCut, leftOut: scored === 0 ? "dropped" : undefined };
}

/**
 * Rows cut to `cutoffLength`. One without a scored token is left out, whether the cutoff or the data say so; `tokens` rows
 * that never had one are kept, because rows that are replayed must keep their places.
 * @throws InputError where nothing is left to score
 */
export function cutToLength(whole: WholeRows, cutoffLength = Number.POSITIVE_INFINITY, at = "data"): Dataset {
  const rows: Row[] = [];
  let [numCut, numDropped, numUnscored, numTokens, numScored] = [0, 0, 0, 0, 0];
  for (const each of whole.rows) {
    const { row, scored, isCut, leftOut } = cutRow(each, whole.format, cutoffLength);
    if (leftOut === "unscored") numUnscored += 1;
    if (leftOut === "dropped") numDropped += 1;
    if (leftOut !== undefined) continue;
    if (isCut) numCut += 1;
    numTokens += row.inputIds.length;
    numScored += scored;
    rows.push(row);
  }
  if (numScored === 0) {
    const hint =
      numDropped > 0
        ? `cutoffLength ${cutoffLength} takes every scored token of ${numDropped} rows.`
        : "No label is scored.";
    throw new InputError({ expected: "at least one scored token", at, file: whole.file, got: "none", hint });
  }
  return { ...whole, rows, numCut, numDropped, numUnscored, numTokens, numScored };
}

/** `readWholeRows`, cut to `cutoffLength`. @throws InputError as the two do */
export async function readDataset(data: DataSource, options: ReadDatasetOptions = {}): Promise<Dataset> {
  return cutToLength(await readWholeRows(data, options), options.cutoffLength, options.at);
}
