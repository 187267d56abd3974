import path from "node:path";
import { InputError } from "../../core/index.ts";
import {
  aboutRows,
  countRemarks,
  type DataFormat,
  type FileSource,
  loadTokenizer,
  locateData,
  MOST_REFUSED_TOLD,
  type Place,
  type Row,
  type RowRemarks,
  type SeenRecord,
  type TextTokenizer,
  WindowCutter,
  type WindowRow,
  windowsOf,
  withTemplateText,
} from "../../datasets/index.ts";
import { absolute, type Context, type TellBytes } from "../../files/index.ts";
import { seeRows } from "../load/rows-in-workers.ts";
import { type AboutRows, type RowFacts, RowTally } from "./row-tally.ts";

export interface DataChoice {
  readonly source: FileSource;
  /** A folder with a tokenizer's files; rows of tokens need none. */
  readonly tokenizer: string | undefined;
  /** Tokens that a row keeps; all when absent. */
  readonly cutoffLength: number | undefined;
}

/** What becomes of a row: "cut" is trained, too. */
export type RowFate = "trained" | "cut" | "dropped" | "unscored" | "refused";

/** A row of tokens, as the cutoff leaves them. */
export interface TokenRow {
  readonly at: string;
  /** Which of a record's sequences it is, where a record has several. */
  readonly name?: string;
  readonly fate: Exclude<RowFate, "refused">;
  readonly inputIds: Int32Array;
  readonly labels: Int32Array;
  /** Tokens that the cutoff has taken. */
  readonly numCut: number;
  /** Whether the same came before. */
  readonly isRepeated: boolean;
}

/** A row of a data file as it is trained, or why it is not. */
export type SeenRow = TokenRow | { readonly at: string; readonly fate: "refused"; readonly refused: string };

/** What is to be known of data before they are trained on. */
export interface InspectedData {
  readonly file: string;
  readonly format: string;
  readonly inferred: string | undefined;
  readonly facts: RowFacts;
  /** Columns of which nothing is made. */
  readonly ignored: readonly string[];
  /** What a person should look at, and in how many rows. */
  readonly remarks: RowRemarks;
  /** Why the first refused rows are. */
  readonly firstRefused: readonly string[];
  readonly cutoffLength: number | undefined;
  readonly tokenizer: TextTokenizer | undefined;
}

/** Why a row is left out, for people. */
export const LEFT_OUT = {
  unscored: "nothing of it is trained",
  dropped: "the cutoff leaves nothing to train",
} as const;

/** "rows.jsonl line 3", the file as seen from a folder. */
export function placeText({ file, line, at }: Place, folder: string): string {
  const near = path.relative(folder, file);
  const name = near === "" || near.startsWith("..") ? file : near;
  if (line !== undefined) return `${name} line ${line}`;
  return at === undefined ? name : `${name} ${at}`;
}

/** Why a row is refused, with its place in front where the reason has none. */
export function refusalText({ facts, message }: InputError, at: string): string {
  return facts.file === undefined ? `${at}: ${message}` : message;
}

/** A row as it is looked at. */
export function tokenRow(
  tally: RowTally,
  row: Row & { readonly isJoined?: boolean },
  how: AboutRows,
  about: { readonly at: string; readonly name?: string },
  isFurther = false,
): TokenRow {
  const { row: cut, leftOut, isCut, isRepeated } = tally.add(row, how, isFurther);
  const fate = leftOut ?? (isCut ? "cut" : "trained");
  const numCut = row.inputIds.length - cut.inputIds.length;
  return { ...about, fate, inputIds: cut.inputIds, labels: cut.labels, numCut, isRepeated };
}

/** Templates are options here. */
function atOption(error: InputError): InputError {
  const option = /^file\.(prompt|response)$/.exec(error.facts.at ?? "")?.[1];
  return option === undefined ? error : new InputError({ ...error.facts, at: `--${option}` });
}

/**
 * Reads all of a data file, of which it keeps 16 bytes a row. `onRow` is told each row, and waited for; `onRead` how many
 * bytes of how many have become rows.
 * @throws InputError for a file that cannot be read, or whose form cannot be told
 */
export async function inspectData(
  context: Context,
  choice: DataChoice,
  onRow: (row: SeenRow, tokenizer: TextTokenizer | undefined) => Promise<void> | void = () => {},
  onRead?: TellBytes,
): Promise<InspectedData> {
  const { cutoffLength } = choice;
  const source = withTemplateText(choice.source, context.cwd, "--chat-template");
  const folder = choice.tokenizer === undefined ? undefined : absolute(context, choice.tokenizer);
  const tokenizer = folder === undefined ? undefined : loadTokenizer(folder);
  const file = await locateData(source, { baseFolder: context.cwd, at: "file" });
  const tokenizerFolder = (format: DataFormat): string => {
    if (folder !== undefined) return folder;
    throw new InputError({ expected: `--tokenizer, for rows that are read as ${format}`, got: "none" });
  };
  const tally = new RowTally(cutoffLength ?? Number.POSITIVE_INFINITY);
  const ignored = new Set<string>();
  const remarks = new Map<string, number>();
  let first: SeenRecord | undefined;
  let how: AboutRows = { format: "text", tooLong: "cut" };
  let cutter: WindowCutter<string> | undefined;
  const onWindows = async (cut: readonly WindowRow<string>[]): Promise<void> => {
    for (const { row, from } of cut) await onRow(tokenRow(tally, row, how, { at: from }), tokenizer);
  };
  const firstRefused: string[] = [];
  for await (const seen of seeRows(source, file, { at: "file", onRead, tokenizerFolder })) {
    first ??= seen;
    const at = placeText(seen.record.place, context.cwd);
    if ("refused" in seen) {
      tally.refuse();
      const refused = refusalText(atOption(seen.refused), at);
      if (firstRefused.length < MOST_REFUSED_TOLD) firstRefused.push(refused);
      await onRow({ at, fate: "refused", refused }, tokenizer);
    } else {
      how = { format: seen.format, ...aboutRows(source, seen.format) };
      for (const name of seen.ignored) ignored.add(name);
      const windows = windowsOf(source, seen.format, cutoffLength, "file");
      if (windows !== undefined) {
        cutter ??= new WindowCutter(windows);
        for (const row of seen.rows) await onWindows(cutter.push(row, at));
        continue;
      }
      for (const [index, row] of seen.rows.entries()) {
        countRemarks(remarks, row);
        const name = row.name === undefined ? {} : { name: row.name };
        await onRow(tokenRow(tally, row, how, { at, ...name }, index > 0), tokenizer);
      }
    }
  }
  if (cutter !== undefined) await onWindows(cutter.end());
  return {
    file: choice.source.path,
    ...{ format: first?.format ?? "none", inferred: first?.inferred },
    ...{
      facts: tally.facts(),
      ignored: [...ignored],
      remarks: Object.fromEntries(remarks),
      firstRefused,
      cutoffLength,
      tokenizer,
    },
  };
}
