import { InputError } from "../core/index.ts";
import type { Dataset, WholeRows } from "./cut-rows.ts";
import { countScored, joinAnswers, promptLength, type Row } from "./row.ts";
import type { Compared } from "./rows/rows-of-record.ts";

/** How a job's loss compares rows. */
export interface Comparing {
  readonly compared: Compared;
  /** Which end of a sequence that is longer than the cutoff is cut. */
  readonly cut: "end" | "start";
  /**
   * Each answer is joined by the one before it in groups of so many rows, in the order of the data, as an answer to its
   * own prompt; the first of a group by the last. Absent where none is.
   */
  readonly mismatchedIn?: number;
}

/** A sequence at a cutoff; undefined where nothing is left to score, or nothing of a prompt where its end stays. */
function cutSequence({ inputIds, labels }: Row, cutoffLength: number, cut: Comparing["cut"]): Row | undefined {
  const surplus = Math.max(0, inputIds.length - cutoffLength);
  const [from, to] = cut === "end" ? [0, inputIds.length - surplus] : [surplus, inputIds.length];
  const own = { inputIds: inputIds.slice(from, to), labels: labels.slice(from, to) };
  return countScored(own) === 0 ? undefined : own;
}

/** The prompt of one row with the answer of another, which are cut only together, as TRL does. */
function mismatched(row: Row, other: Row, cutoffLength: number): Row {
  const [end, start] = [promptLength(row), promptLength(other)];
  const put = (key: "inputIds" | "labels"): Int32Array =>
    Int32Array.from([...row[key].subarray(0, end), ...other[key].subarray(start)]).slice(0, cutoffLength);
  return { inputIds: put("inputIds"), labels: put("labels") };
}

/**
 * Rows of a source, of a pair the chosen one in front of the rejected one, as rows whose answers are compared, cut to
 * `cutoffLength`. A record is left out where the cutoff leaves nothing to score of one of its answers.
 * @throws InputError where none is left
 */
export function compareRows(
  whole: WholeRows,
  { compared, cut, mismatchedIn }: Comparing,
  cutoffLength = Number.POSITIVE_INFINITY,
  at = "data",
): Dataset {
  const perRecord = compared === "preference" ? 2 : 1;
  let [numCut, numDropped] = [0, 0];
  const kept: (readonly Row[])[] = [];
  const uncut: Row[] = [];
  const labels: (boolean | undefined)[] = [];
  for (let first = 0; first < whole.rows.length; first += perRecord) {
    const own = whole.rows.slice(first, first + perRecord);
    const sequences = own.flatMap((row) => cutSequence(row, cutoffLength, cut) ?? []);
    const isCut = own.some(({ inputIds }) => inputIds.length > cutoffLength);
    if (sequences.length < perRecord || (isCut && whole.tooLong === "dropped")) {
      numDropped += 1;
      continue;
    }
    numCut += Number(isCut);
    kept.push(sequences);
    uncut.push(own[0]!);
    labels.push(own[0]!.isDesirable);
  }
  if (kept.length === 0)
    throw new InputError({
      expected: "at least one row whose answers are scored",
      ...{ at, file: whole.file, got: "none" },
      hint: `cutoffLength ${cutoffLength} leaves nothing to score in ${numDropped} rows.`,
    });
  const rows = kept.map((sequences, index) => {
    if (mismatchedIn === undefined) return joinAnswers(sequences, labels[index]);
    const first = index - (index % mismatchedIn);
    const last = Math.min(first + mismatchedIn, kept.length) - 1;
    const other = uncut[index === first ? last : index - 1]!;
    return joinAnswers([sequences[0]!, mismatched(uncut[index]!, other, cutoffLength)], labels[index]);
  });
  let [numTokens, numScored] = [0, 0];
  for (const row of rows) {
    numTokens += row.inputIds.length;
    numScored += countScored(row);
  }
  return { ...whole, rows, numCut, numDropped, numUnscored: 0, numTokens, numScored };
}
