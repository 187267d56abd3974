import { type ErrorFacts, InputError } from "../core/index.ts";
import type { DataFormat, FileSource } from "./data-source.ts";
import { countScored, type Row } from "./row.ts";
import { isCompared } from "./rows/preference.ts";
import { comparedReading, readingOf } from "./rows/reading.ts";

/** Texts, and of how many rows each is true. */
export type RowRemarks = Readonly<Record<string, number>>;

/** The remarks with those of one row more. */
export function countRemarks(
  counts: Map<string, number>,
  { remarks = [] }: { readonly remarks?: readonly string[] },
): void {
  for (const text of remarks) counts.set(text, (counts.get(text) ?? 0) + 1);
}

export interface Dataset {
  readonly rows: readonly Row[];
  readonly format: DataFormat;
  /** Why this format was taken, where the source did not say it. */
  readonly inferred?: string;
  /** Whether the rows are to be shuffled: what the source says, else yes, but not for `tokens`. */
  readonly shuffle: boolean;
  /** The file or folder that was read. */
  readonly file: string;
  /** What becomes of a row that is longer than the cutoff. */
  readonly tooLong: "cut" | "dropped";
  /** Rows that lost tokens to the cutoff. */
  readonly numCut: number;
  /** Rows in which a token reaches across the border of what is scored, and counts to what comes after it. */
  readonly numJoined: number;
  /** Rows left out because the cutoff took every scored token. */
  readonly numDropped: number;
  /** Rows left out because the data say of all their turns that they are not trained. */
  readonly numUnscored: number;
  /** Columns of which nothing is made. */
  readonly ignored: readonly string[];
  /** What a person should look at, and in how many rows. */
  readonly remarks: RowRemarks;
  /** Absent where every record makes a row. */
  readonly skipped?: SkippedRecords;
  /** Tokens of all rows together, and those that are scored. */
  readonly numTokens: number;
  readonly numScored: number;
}

/** Records that make no row, and were left out. */
export interface SkippedRecords {
  readonly count: number;
  /** Why the first ones make none. */
  readonly first: readonly ErrorFacts[];
}

/** A data source as token rows of full length. */
export interface WholeRows
  extends Pick<
    Dataset,
    "rows" | "numJoined" | "ignored" | "remarks" | "format" | "inferred" | "shuffle" | "file" | "tooLong" | "skipped"
  > {
  /** Of several sets one behind another: each by itself. */
  readonly sets?: readonly Pick<WholeRows, "rows" | "format" | "tooLong">[];
}

/** How rows of a source are ordered, and what becomes of those that are too long. */
export function aboutRows(source: FileSource, format: DataFormat): Pick<WholeRows, "shuffle" | "tooLong"> {
  const reading = isCompared(format) ? comparedReading(source) : readingOf(source);
  // Axolotl makes several rows of a long text.
  return { shuffle: source.shuffle ?? format !== "tokens", tooLong: format === "text" ? "cut" : reading.tooLong };
}

/** A row cut to a length, and what becomes of it. */
export interface CutRow {
  readonly row: Row;
  readonly scored: number;
  readonly isCut: boolean;
  /** Whether it is left out: since the data say that nothing of it is trained, or by the cutoff. */
  readonly leftOut: "unscored" | "dropped" | undefined;
}

/** `tokens` rows that never had a scored token are kept, because rows that are replayed must keep their places. */
export function cutRow(
  row: Row,
  { format, tooLong }: Pick<WholeRows, "format" | "tooLong">,
  cutoffLength: number,
): CutRow {
  const isCut = row.inputIds.length > cutoffLength;
  const cut = isCut
    ? { inputIds: row.inputIds.slice(0, cutoffLength), labels: row.labels.slice(0, cutoffLength) }
    : row;
  const [scored, whole] = [countScored(cut), countScored(row)];
  if (whole === 0) return { row: cut, scored, isCut, leftOut: format === "tokens" ? undefined : "unscored" };
  const isDropped = scored === 0 || (isCut && tooLong === "dropped");
  return { row: cut, scored, isCut, leftOut: isDropped ? "dropped" : undefined };
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
    const { row, scored, isCut, leftOut } = cutRow(each, whole, cutoffLength);
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
