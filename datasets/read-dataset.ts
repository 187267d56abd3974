import path from "node:path";
import { type ErrorFacts, InputError, sum } from "../core/index.ts";
import { withTemplateText } from "./chat-templates.ts";
import { aboutRows, countRemarks, cutToLength, type Dataset, type WholeRows } from "./cut-rows.ts";
import type { DataFormat, DataSource, FileSource } from "./data-source.ts";
import { type DownloadOptions, downloadData } from "./hub/download.ts";
import { isHubPath } from "./hub/hub-path.ts";
import { type MadeOrRefused, makeRows } from "./make-rows.ts";
import { readRecords } from "./records/read-records.ts";
import type { DataRecord } from "./records/record.ts";
import type { Row } from "./row.ts";
import { renameColumns } from "./rows/columns.ts";
import { checkDirectives, fieldsUsed } from "./rows/directives.ts";
import { type InferredFormat, inferFormat } from "./rows/infer-format.ts";
import type { MadeRow } from "./rows/row-kind.ts";
import { type Compared, trainableRows } from "./rows/rows-of-record.ts";
import { checkTemplates } from "./rows/templates.ts";
import type { TextTokenizer } from "./tokenizer.ts";
import { inWindows } from "./window-rows.ts";

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

/** @throws InputError for keys that do not go together, and a chat template that is not there */
function fileSourceOf(source: DataSource, at: string, baseFolder?: string): FileSource {
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
  if (source.turns !== undefined && source.trainOnInputs === true)
    throw new InputError({
      expected: "either turns or trainOnInputs",
      at: `${at}.trainOnInputs`,
      got: "both",
      hint: "trainOnInputs trains all of a conversation.",
    });
  const names = Object.values(source.roles ?? {}).flatMap((own) => own ?? []);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new InputError({ expected: "each speaker under one role", at: `${at}.roles`, got: twice });
  return withTemplateText(source, baseFolder, at);
}

/** What a source's first record shows: its format, where the source does not say it. @throws InputError */
function beginSource(source: FileSource, first: DataRecord, at: string): Partial<InferredFormat> {
  checkTemplates(source, first, at);
  checkDirectives(first, fieldsUsed(source), source.format);
  return source.format === undefined ? inferFormat(source, first) : { format: source.format };
}

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
export async function* readRowParts(source: FileSource, file: string, at: string): AsyncGenerator<RowPart> {
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
          if (record.fault !== undefined) throw new InputError(record.fault);
          ({ format, because: inferred } = beginSource(source, renameColumns(record, source, true), at));
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
export type SeenRecord = { readonly record: DataRecord; readonly inferred: string | undefined } & (
  | ({ readonly format: DataFormat } & Exclude<MadeOrRefused, { refused: InputError }>)
  // Of the first records it may not be known.
  | { readonly format: DataFormat | undefined; readonly refused: InputError }
);

/** A part's records with what they became; undefined where that is not known of any. */
export function seenOfPart(part: RowPart, made: readonly MadeOrRefused[]): readonly SeenRecord[] {
  const { records, format, inferred, refused } = part;
  return records.map((record, index) => {
    const own = made[index];
    if (own === undefined || format === undefined) return { record, inferred, format, refused: refused! };
    return { record, inferred, format, ...own };
  });
}

/**
 * Reads a data source record by record. The file itself, and a source that fits none of its records, end it.
 * @throws InputError
 */
export async function* readEachRecord(data: DataSource, options: ReadDatasetOptions = {}): AsyncGenerator<SeenRecord> {
  const { at = "data", tokenizer, vocabularySize, mostTokens } = options;
  const source = fileSourceOf(data, at, options.baseFolder);
  for await (const part of readRowParts(source, await locateData(data, options), at)) {
    const { records, format } = part;
    const work = { records, vocabularySize, mostTokens };
    yield* seenOfPart(
      part,
      format === undefined ? [] : makeRows({ ...work, source: { ...source, format } }, tokenizer, at),
    );
  }
}

/** What a record became, refused where a job's loss does not train on such rows. */
export function trainable(seen: SeenRecord, compared: Compared | undefined): SeenRecord {
  if ("refused" in seen) return seen;
  try {
    return { ...seen, rows: trainableRows(seen.rows, seen.record, compared) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { record, inferred, format } = seen;
    return { record, inferred, format, refused: error };
  }
}

/** A row without what was only of interest while it was made. */
export function trainedRow({ inputIds, labels, name }: MadeRow): Row {
  if (name !== "desirable" && name !== "undesirable") return { inputIds, labels };
  return { inputIds, labels, isDesirable: name === "desirable" };
}

/** Records that make no row, of which so many are told. */
export const MOST_REFUSED_TOLD = 10;

const SKIP_HINT = "`onBadRow: skip` in `data` leaves out rows that cannot be read, and counts them.";

/** An error that tells the first records that make no row. `isAll`: whether there are no more. */
function refusedRecords([first, ...further]: readonly ErrorFacts[], isAll: boolean): InputError {
  const more = isAll ? "" : "There may be more: `loratwin data` counts them. ";
  const hint = `${first!.hint === undefined ? "" : `${first!.hint} `}${more}${SKIP_HINT}`;
  return new InputError({ ...first!, hint, ...(further.length === 0 ? {} : { further }) });
}

/**
 * The rows of all records, two of each where pairs are compared.
 * @throws InputError for the first that are refused, unless they are skipped, and where there is no row
 */
export async function collectRows(
  records: AsyncIterable<SeenRecord>,
  data: DataSource,
  file: string,
  at = "data",
  compared?: Compared,
): Promise<WholeRows> {
  const source = fileSourceOf(data, at);
  const rows: Row[] = [];
  const ignored = new Set<string>();
  const remarks = new Map<string, number>();
  const refused: ErrorFacts[] = [];
  let [numJoined, numRefused] = [0, 0];
  let first: Exclude<SeenRecord, { refused: InputError }> | undefined;
  for await (const seen of records) {
    const own = trainable(seen, compared);
    if ("refused" in own) {
      numRefused += 1;
      if (refused.length < MOST_REFUSED_TOLD) refused.push(own.refused.facts);
      else if (source.onBadRow !== "skip") throw refusedRecords(refused, false);
      continue;
    }
    first ??= own;
    for (const name of own.ignored) ignored.add(name);
    for (const row of own.rows) {
      rows.push(trainedRow(row));
      numJoined += Number(row.isJoined === true);
      countRemarks(remarks, row);
    }
  }
  if (refused.length > 0 && (source.onBadRow !== "skip" || first === undefined))
    throw refusedRecords(refused, numRefused === refused.length);
  if (first === undefined)
    throw new InputError({ expected: "at least one scored token", at, file, got: "none", hint: "No label is scored." });
  const { format, inferred } = first;
  const reason = inferred === undefined ? {} : { inferred };
  const told = { ignored: [...ignored], remarks: Object.fromEntries(remarks) };
  const skipped = numRefused === 0 ? {} : { skipped: { count: numRefused, first: refused } };
  return { rows, numJoined, ...told, format, ...reason, ...aboutRows(source, format), file, ...skipped };
}

/**
 * Reads a data source into token rows of full length, prompts masked, end tokens added.
 * @throws InputError with file, line or record, and field
 */
export async function readWholeRows(data: DataSource, options: ReadDatasetOptions = {}): Promise<WholeRows> {
  return await collectRows(readEachRecord(data, options), data, await locateData(data, options), options.at);
}

/** `readWholeRows`, cut to `cutoffLength`. @throws InputError as the two do */
export async function readDataset(data: DataSource, options: ReadDatasetOptions = {}): Promise<Dataset> {
  const { cutoffLength, at } = options;
  const whole = await readWholeRows(data, options);
  return cutToLength(inWindows(whole, fileSourceOf(data, at ?? "data"), cutoffLength, at), cutoffLength, at);
}
