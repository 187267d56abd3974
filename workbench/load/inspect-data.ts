import { InputError } from "../../core/index.ts";
import {
  cutRow,
  type DataFormat,
  datasetDigest,
  type FileSource,
  loadTokenizer,
  locateData,
  NOT_SCORED,
  type SeenRecord,
  type TextTokenizer,
} from "../../datasets/index.ts";
import { absolute, type Context } from "../../files/index.ts";
import { DigestSet } from "./digest-set.ts";
import { LengthCounts } from "./length-counts.ts";
import { seeRows } from "./rows-in-workers.ts";

export interface DataChoice {
  readonly source: FileSource;
  /** A folder with a tokenizer's files; rows of tokens need none. */
  readonly tokenizer: string | undefined;
  /** Tokens that a row keeps; all when absent. */
  readonly cutoffLength: number | undefined;
}

/** A row of a data file as it is trained, or why it is not. */
export type SeenRow = { readonly at: string } & (
  | {
      /** As the cutoff leaves them. */
      readonly input_ids: Int32Array;
      readonly labels: Int32Array;
      /** Why the row is not trained, where it is not. */
      readonly left_out?: string;
    }
  | { readonly refused: string }
);

/** What is to be known of data before they are trained on. */
export interface InspectedData {
  readonly file: string;
  readonly format: string;
  readonly inferred: string | undefined;
  readonly numRows: number;
  readonly numRefused: number;
  /** Why the first of these is refused. */
  readonly firstRefused: string | undefined;
  /** Rows that lose tokens to the cutoff, and of these those that lose every scored one. */
  readonly numCut: number;
  readonly numDropped: number;
  /** Rows of which nothing is scored. */
  readonly numUnscored: number;
  /** Rows with a token that is partly of the prompt and partly of the response. */
  readonly numJoined: number;
  /** Rows that have come before, token by token. */
  readonly numRepeated: number;
  /** Of rows that are trained on, as they are cut. */
  readonly tokens: {
    readonly all: number;
    readonly scored: number;
    readonly p50: number;
    readonly p95: number;
    readonly max: number;
  };
  /** Loaded when it is asked for. */
  readonly tokenizer: TextTokenizer | undefined;
}

function placeText({ place: { line, at, file } }: SeenRecord): string {
  return line === undefined ? (at ?? file) : `line ${line}`;
}

const LEFT_OUT = {
  unscored: "nothing of it is trained",
  dropped: "the cutoff leaves nothing to train",
} as const;

/**
 * Reads all of a data file, of which it keeps 16 bytes a row. `onRow` is told each row, and waited for;
 * `onRead` how many bytes of how many have become rows.
 * @throws InputError for a file that cannot be read, or whose form cannot be told
 */
export async function inspectData(
  context: Context,
  choice: DataChoice,
  onRow: (row: SeenRow) => Promise<void> | void = () => {},
  onRead?: (bytes: number, ofBytes: number) => void,
): Promise<InspectedData> {
  const { source, cutoffLength = Number.POSITIVE_INFINITY } = choice;
  const folder = choice.tokenizer === undefined ? undefined : absolute(context, choice.tokenizer);
  const options = {
    at: "file",
    onRead,
    tokenizerFolder(format: DataFormat): string {
      if (folder !== undefined) return folder;
      throw new InputError({ expected: `--tokenizer, for rows that are read as ${format}`, got: "none" });
    },
  };
  const file = await locateData(source, { baseFolder: context.cwd, at: "file" });
  const lengths = new LengthCounts();
  const seenBefore = new DigestSet();
  const counts = { rows: 0, refused: 0, cut: 0, dropped: 0, unscored: 0, joined: 0, repeated: 0, scored: 0 };
  let first: SeenRecord | undefined;
  let firstRefused: string | undefined;
  let tokenizer: TextTokenizer | undefined;
  for await (const seen of seeRows(source, file, options)) {
    first ??= seen;
    counts.rows += 1;
    const at = placeText(seen);
    if ("refused" in seen) {
      counts.refused += 1;
      firstRefused ??= seen.refused.message;
      await onRow({ at, refused: seen.refused.message });
      continue;
    }
    counts.repeated += Number(seenBefore.add(datasetDigest([seen.row])));
    counts.joined += Number(seen.row.isJoined === true);
    const { row, scored, isCut, leftOut } = cutRow(seen.row, seen.format, cutoffLength);
    const shown = { at, input_ids: row.inputIds, labels: row.labels };
    if (leftOut !== undefined) {
      counts[leftOut] += 1;
      await onRow({ ...shown, left_out: LEFT_OUT[leftOut] });
      continue;
    }
    counts.cut += Number(isCut);
    counts.scored += scored;
    lengths.add(row.inputIds.length);
    await onRow(shown);
  }
  const [p50 = 0, p95 = 0, max = 0] = lengths.quantiles([0.5, 0.95, 1]).map(Math.round);
  return {
    file: source.path,
    ...{ format: first?.format ?? "none", inferred: first?.inferred, numRows: counts.rows },
    ...{ numRefused: counts.refused, firstRefused },
    ...{ numCut: counts.cut, numDropped: counts.dropped, numUnscored: counts.unscored },
    ...{ numJoined: counts.joined, numRepeated: counts.repeated },
    tokens: { all: lengths.total, scored: counts.scored, p50, p95, max },
    get tokenizer() {
      if (folder !== undefined) tokenizer ??= loadTokenizer(folder);
      return tokenizer;
    },
  };
}

/** A piece of a row's text, and whether it is scored. */
export interface RowPiece {
  readonly text: string;
  readonly isScored: boolean;
}

/** A row as text, in runs of tokens that are scored or not; ids where there is no tokenizer. */
export function rowPieces(
  { input_ids, labels }: Extract<SeenRow, { labels: Int32Array }>,
  tokenizer: TextTokenizer | undefined,
): readonly RowPiece[] {
  const pieces: { ids: number[]; isScored: boolean }[] = [];
  input_ids.forEach((id, index) => {
    const isScored = labels[index] !== NOT_SCORED;
    if (pieces.at(-1)?.isScored !== isScored) pieces.push({ ids: [], isScored });
    pieces.at(-1)!.ids.push(id);
  });
  return pieces.map(({ ids, isScored }) => ({ isScored, text: tokenizer?.decode(ids) ?? ids.join(" ") }));
}
