import { type InputError, sum } from "../../core/index.ts";
import type { Dataset, Place, SkippedRecords, WholeRows } from "../../datasets/index.ts";

/** Rows at a cutoff, and before it. */
export interface ReadRows extends Dataset {
  readonly whole: WholeRows;
  /** Of several sets one behind another: each by itself. */
  readonly sets?: readonly ReadRows[];
}

export interface RefusedRecord {
  /** Of the record, from 0. */
  readonly number: number;
  readonly place: Place;
  readonly error: InputError;
}

/** What each record of a source has become. */
export interface EachRecord
  extends Pick<
    WholeRows,
    "rows" | "numJoined" | "ignored" | "remarks" | "inferred" | "shuffle" | "tooLong" | "file" | "sets"
  > {
  /** Unknown where the first records are refused. */
  readonly format: WholeRows["format"] | undefined;
  /** Where each row stands, and the number of its record. */
  readonly places: readonly Place[];
  readonly numbers: readonly number[];
  readonly refused: readonly RefusedRecord[];
  readonly numRecords: number;
}

/** What is told of all sets together. */
type Told = Pick<WholeRows, "rows" | "numJoined" | "ignored" | "remarks" | "skipped">;

function together(sets: readonly Told[]) {
  const skipped = sets.flatMap((set) => set.skipped ?? []);
  const all: SkippedRecords = {
    count: sum(skipped.map(({ count }) => count)),
    first: skipped.flatMap(({ first }) => first),
  };
  const remarks: Record<string, number> = {};
  for (const [text, count] of sets.flatMap((set) => Object.entries(set.remarks)))
    remarks[text] = (remarks[text] ?? 0) + count;
  return {
    remarks,
    rows: sets.flatMap(({ rows }) => rows),
    numJoined: sum(sets.map(({ numJoined }) => numJoined)),
    ignored: [...new Set(sets.flatMap(({ ignored }) => ignored))],
    ...(skipped.length === 0 ? {} : { skipped: all }),
  };
}

/** The rows of several sets one behind another. */
export function joinRows(sets: readonly ReadRows[]): ReadRows {
  const [first] = sets as readonly [ReadRows];
  if (sets.length === 1) return first;
  const add = (key: "numCut" | "numDropped" | "numUnscored" | "numTokens" | "numScored"): number =>
    sum(sets.map((set) => set[key]));
  const whole = sets.map((set) => set.whole);
  return {
    ...{ ...first, ...together(sets), sets },
    ...{ numCut: add("numCut"), numDropped: add("numDropped"), numUnscored: add("numUnscored") },
    ...{ numTokens: add("numTokens"), numScored: add("numScored") },
    whole: { ...first.whole, ...together(whole), sets: whole },
  };
}

/** The same of sets of which each record is looked at. */
export function joinEach(sets: readonly EachRecord[]): EachRecord {
  const [first] = sets as readonly [EachRecord];
  if (sets.length === 1) return first;
  let before = 0;
  const starts = sets.map(({ numRecords }) => {
    before += numRecords;
    return before - numRecords;
  });
  return {
    ...{ ...first, ...together(sets), numRecords: before },
    places: sets.flatMap(({ places }) => places),
    numbers: sets.flatMap(({ numbers }, set) => numbers.map((number) => starts[set]! + number)),
    refused: sets.flatMap(({ refused }, set) => refused.map((one) => ({ ...one, number: starts[set]! + one.number }))),
    format: sets.some(({ format }) => format === undefined) ? undefined : first.format,
    sets: sets.map(({ rows, format, tooLong }) => ({ rows, format: format ?? "text", tooLong })),
  };
}
