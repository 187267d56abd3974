import { type CutRow, cutRow, datasetDigest, type Row, type WholeRows } from "../../datasets/index.ts";
import { DigestSet } from "./digest-set.ts";
import { LengthCounts, type LengthHistogram } from "./length-counts.ts";

/** What is to be known of rows before they are trained on. A record may make several, each of which is counted. */
export interface RowFacts {
  readonly numRecords: number;
  readonly numRows: number;
  /** Rows that are trained, or evaluated. */
  readonly numKept: number;
  readonly numRefused: number;
  /** Rows that are kept without the tokens that the cutoff takes, and those of which it takes every scored one. */
  readonly numCut: number;
  readonly numDropped: number;
  /** Rows of which the data say that nothing is scored. */
  readonly numUnscored: number;
  /** Rows with a token that is partly of the prompt and partly of the response. */
  readonly numJoined: number;
  /** Rows that have come before, token by token. */
  readonly numRepeated: number;
  /** Of rows that are kept, as they are cut. */
  readonly tokens: {
    readonly all: number;
    readonly scored: number;
    readonly p50: number;
    readonly p95: number;
    readonly max: number;
  };
  /** Tokens of kept rows that the cutoff takes. */
  readonly numTokensCut: number;
  /** Of all rows but refused ones, before they are cut. */
  readonly lengths: LengthHistogram;
}

/** What decides how a row is cut. */
export type AboutRows = Pick<WholeRows, "format" | "tooLong">;

/** Counts rows as they come. */
export class RowTally {
  readonly #cutoffLength: number;
  readonly #kept = new LengthCounts();
  readonly #whole = new LengthCounts();
  readonly #seen = new DigestSet();
  readonly #counts = {
    records: 0,
    rows: 0,
    refused: 0,
    cut: 0,
    dropped: 0,
    unscored: 0,
    joined: 0,
    repeated: 0,
    scored: 0,
    lost: 0,
  };

  constructor(cutoffLength: number) {
    this.#cutoffLength = cutoffLength;
  }

  refuse(): void {
    this.#counts.records += 1;
    this.#counts.rows += 1;
    this.#counts.refused += 1;
  }

  /**
   * Returns what the cutoff makes of the row, and whether the same came before. `isFurther`: the record has made another
   * row before.
   */
  add(
    row: Row & { readonly isJoined?: boolean },
    about: AboutRows,
    isFurther = false,
  ): CutRow & { readonly isRepeated: boolean } {
    const counts = this.#counts;
    const cut = cutRow(row, about, this.#cutoffLength);
    counts.rows += 1;
    counts.records += Number(!isFurther);
    this.#whole.add(row.inputIds.length);
    const isRepeated = this.#seen.add(datasetDigest([row]));
    counts.repeated += Number(isRepeated);
    counts.joined += Number(row.isJoined === true);
    if (cut.leftOut !== undefined) counts[cut.leftOut] += 1;
    else this.#keep(cut, row.inputIds.length);
    return { ...cut, isRepeated };
  }

  /** A row of which only the length is known, as it is kept. */
  addLength(tokens: number, scored: number): void {
    this.#counts.records += 1;
    this.#counts.rows += 1;
    this.#counts.scored += scored;
    this.#whole.add(tokens);
    this.#kept.add(tokens);
  }

  #keep({ row, scored, isCut }: CutRow, length: number): void {
    this.#counts.cut += Number(isCut);
    this.#counts.lost += length - row.inputIds.length;
    this.#counts.scored += scored;
    this.#kept.add(row.inputIds.length);
  }

  facts(): RowFacts {
    const { records, rows, refused, cut, dropped, unscored, joined, repeated, scored, lost } = this.#counts;
    const [p50 = 0, p95 = 0, max = 0] = this.#kept.quantiles([0.5, 0.95, 1]).map(Math.round);
    return {
      ...{ numRecords: records, numRows: rows, numKept: rows - refused - dropped - unscored, numRefused: refused },
      ...{ numCut: cut, numDropped: dropped, numUnscored: unscored, numJoined: joined, numRepeated: repeated },
      tokens: { all: this.#kept.total, scored, p50, p95, max },
      numTokensCut: lost,
      lengths: this.#whole.histogram(this.#cutoffLength),
    };
  }
}
