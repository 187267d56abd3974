import { InputError } from "../core/index.ts";
import type { WholeRows } from "./cut-rows.ts";
import type { DataFormat, FileSource } from "./data-source.ts";
import { NOT_SCORED, type Row } from "./row.ts";

/** How texts are cut into rows. */
export interface Windows {
  /** Tokens of a row; the last of a text has what is left. */
  readonly length: number;
  /** Tokens of the row before with which a row begins, as what stands before its own: they are not scored again. */
  readonly overlap: number;
  /** Whether texts follow each other in one row, with an end token between them, as TRL's `wrapped` packing has them. */
  readonly isPacked: boolean;
}

/** TRL and LLaMA-Factory cut a long text off by default; Axolotl makes several rows of it. */
function isWindowed({ like, window, overlap, packing }: FileSource): boolean {
  return [window, overlap, packing].some((asked) => asked !== undefined) || like === undefined || like === "axolotl";
}

/** Whether the whole of a text is needed, however long it is. */
export function needsWhole(source: FileSource & { readonly format: DataFormat }): boolean {
  return source.format === "text" && isWindowed(source);
}

/** The windows of a source's rows; undefined where none are asked for. @throws InputError for those that cannot be */
export function windowsOf(
  source: FileSource,
  format: DataFormat,
  cutoffLength = Number.POSITIVE_INFINITY,
  at = "data",
): Windows | undefined {
  const { window, overlap = 0, packing } = source;
  if (format !== "text") {
    const asked = (["window", "overlap", "packing"] as const).find((key) => source[key] !== undefined);
    if (asked === undefined) return undefined;
    throw new InputError({
      expected: "format: text, which alone is cut into windows,",
      at: `${at}.${asked}`,
      got: format,
    });
  }
  if (window !== undefined && window > cutoffLength)
    throw new InputError({ expected: `at most the cutoffLength (${cutoffLength})`, at: `${at}.window`, got: window });
  const length = window ?? cutoffLength;
  if (overlap >= length)
    throw new InputError({ expected: `less than the window (${length})`, at: `${at}.overlap`, got: overlap });
  if (!isWindowed(source) || !Number.isFinite(length)) return undefined;
  return { length, overlap, isPacked: packing === "wrapped" };
}

/** A row that is cut of a text, and what its first token came with. */
export interface WindowRow<From> {
  readonly row: Row;
  readonly from: From;
}

function joined(a: Row | undefined, b: Row): Row {
  if (a === undefined) return b;
  const put = (key: "inputIds" | "labels"): Int32Array => {
    const all = new Int32Array(a[key].length + b[key].length);
    all.set(a[key]);
    all.set(b[key], a[key].length);
    return all;
  };
  return { inputIds: put("inputIds"), labels: put("labels") };
}

/** Cuts texts, as they come, into windows. */
export class WindowCutter<From> {
  readonly #windows: Windows;
  /** Tokens of packed texts that fill no window yet, where each text in them begins, and whether a window came before. */
  #held: Row | undefined;
  #starts: { readonly at: number; readonly from: From }[] = [];
  #isContinued = false;

  constructor(windows: Windows) {
    this.#windows = windows;
  }

  push(row: Row, from: From): readonly WindowRow<From>[] {
    if (!this.#windows.isPacked) [this.#held, this.#starts, this.#isContinued] = [undefined, [], false];
    this.#starts.push({ at: this.#held?.inputIds.length ?? 0, from });
    this.#held = joined(this.#held, row);
    return this.#cut(!this.#windows.isPacked);
  }

  /** What is left of packed texts. */
  end(): readonly WindowRow<From>[] {
    return this.#held === undefined || !this.#windows.isPacked ? [] : this.#cut(true);
  }

  #cut(isLast: boolean): readonly WindowRow<From>[] {
    const { length, overlap } = this.#windows;
    const { inputIds, labels } = this.#held!;
    const cut: WindowRow<From>[] = [];
    let at = 0;
    // Nothing is predicted of a first token.
    const hasMore = (): boolean => inputIds.length - at > (this.#isContinued ? Math.max(1, overlap) : 0);
    for (; hasMore() && (isLast || at + length <= inputIds.length); at += length - overlap) {
      const end = Math.min(at + length, inputIds.length);
      const own = labels.slice(at, end);
      if (this.#isContinued) own.fill(NOT_SCORED, 0, overlap);
      const { from } = this.#starts.findLast((start) => start.at <= at)!;
      cut.push({ row: { inputIds: inputIds.slice(at, end), labels: own }, from });
      this.#isContinued = true;
    }
    this.#held = { inputIds: inputIds.subarray(at), labels: labels.subarray(at) };
    const first = this.#starts.findLastIndex((start) => start.at <= at);
    this.#starts = this.#starts.slice(first).map((start) => ({ ...start, at: Math.max(0, start.at - at) }));
    return cut;
  }
}

/** By the rows that are cut: jobs with the same data share them. */
const known = new WeakMap<readonly Row[], Map<string, readonly WindowRow<number>[]>>();

/** All rows of texts in windows, each with the number of the row that its first token is of; as they are without windows. */
export function windowRows(rows: readonly Row[], windows: Windows): readonly WindowRow<number>[] {
  const own = known.get(rows) ?? new Map<string, readonly WindowRow<number>[]>();
  known.set(rows, own);
  const key = JSON.stringify(windows);
  const cutter = new WindowCutter<number>(windows);
  const found = own.get(key) ?? [...rows.flatMap((row, from) => cutter.push(row, from)), ...cutter.end()];
  own.set(key, found);
  return found;
}

/** By windows, so that who knows rows by what they are knows them again. */
const lists = new WeakMap<readonly WindowRow<number>[], readonly Row[]>();

/** The rows of a source in windows where its texts are to be cut into such. @throws InputError as `windowsOf` does */
export function inWindows(whole: WholeRows, source: FileSource, cutoffLength?: number, at?: string): WholeRows {
  const windows = windowsOf(source, whole.format, cutoffLength, at);
  if (windows === undefined) return whole;
  const cut = windowRows(whole.rows, windows);
  const rows = lists.get(cut) ?? cut.map(({ row }) => row);
  lists.set(cut, rows);
  return { ...whole, rows };
}
