import { counted, formatFacts, InputError } from "../../core/index.ts";
import type { SkippedRecords, WholeRows } from "../../datasets/index.ts";
import { cutOfLengths, dataSetsOf, isLengthData, type Job } from "../../plan/index.ts";
import type { JobFacts, RowPair, SetFacts } from "./job-facts.ts";
import type { RowFacts } from "./row-tally.ts";

/** Of the rows: what is true of more is a warning. */
const MOST_UNSAID = 0.05;

/** Of the rows: a job of which more are dropped is refused. */
const MOST_DROPPED = 0.5;

/** What a person would want to know of rows, should look at, or has to mend. */
export interface RowProblem {
  readonly severity: "error" | "warning" | "remark";
  readonly text: string;
  /** Of an error. */
  readonly error?: InputError;
}

/** What is counted of rows that were read together. */
type Counts = Pick<RowFacts, "numRows" | "numRefused" | "numCut" | "numDropped" | "numUnscored" | "numJoined">;

/** Where the rows of a pair stand, for people; undefined where nobody knows. */
export type PlacePair = (pair: RowPair, which: "training" | "held out") => readonly [string, string] | undefined;

export function ofError(error: InputError): RowProblem {
  return { severity: "error", text: error.message, error };
}

function said(text: string, share: number): RowProblem {
  return { severity: share > MOST_UNSAID ? "warning" : "remark", text };
}

/** Rows that cannot be read, the first of them one by one: an error, unless they are skipped. */
export function refusedRows(
  skipped: SkippedRecords | undefined,
  numRecords: number,
  onBadRow: "refuse" | "skip" | undefined,
): readonly RowProblem[] {
  if (skipped === undefined) return [];
  const { count, first } = skipped;
  const [why, ...others] = first.map((facts, at) =>
    at === 0 ? formatFacts(facts) : formatFacts(facts).split("\n", 1)[0],
  );
  const more = count > first.length ? [`and ${count - first.length} more`] : [];
  const text = (what: string): string =>
    [`${count} of ${counted(numRecords, "row")} ${what}: ${why}`, ...others, ...more].join("\n");
  if (onBadRow !== "skip") return [{ severity: "error", text: text("refused"), error: new InputError(first[0]!) }];
  const most = count > numRecords / 2 ? ", which is most of them" : "";
  return [said(text(`cannot be read and are left out${most}`), count / numRecords)];
}

/** A note of each of several data sets. */
export function mixedSets(sets: readonly SetFacts[]): readonly RowProblem[] {
  if (sets.length === 0) return [];
  const texts = sets.map(({ file, numRows, numHeldOut, tokens, share }) => {
    const held = numHeldOut === 0 ? "" : ` (${numHeldOut} held out)`;
    return `${file}: ${counted(numRows, "row")}${held}, ${tokens} tokens, ${(100 * share).toFixed(1)} % of the tokens that are trained`;
  });
  return [{ severity: "remark", text: `${counted(sets.length, "data set")}\n${texts.join("\n")}` }];
}

/** Rows that were refused, or that the cutoff shortened or dropped, or of which nothing is trained. */
function lostRows(facts: Counts, { cutoffLength, data }: Job, whose: string): readonly RowProblem[] {
  const { numCut, numDropped, numUnscored, numRows, numRefused } = facts;
  const of = numRows - numRefused;
  const share = (numCut + numDropped) / of;
  const rows = `${of} rows${whose}`;
  const isLong = dataSetsOf(data).some(({ like }) => like === "axolotl");
  const why = isLong ? "they are longer than the cutoff" : "the cutoff left nothing to score";
  return [
    ...(numCut > 0 ? [said(`${numCut} of ${rows} cut to ${cutoffLength} tokens`, share)] : []),
    ...(numDropped > 0 ? [said(`${numDropped} of ${rows} dropped, ${why}`, share)] : []),
    ...(numUnscored > 0
      ? [said(`${numUnscored} of ${rows} left out, the data say that nothing of them is trained`, numUnscored / of)]
      : []),
  ];
}

/** Rows in which a token is partly of the prompt and partly of the response, or the same of a chat's turns. */
function joinedRows({ numJoined, numRows, numRefused }: Counts, whose: string): readonly RowProblem[] {
  if (numJoined === 0) return [];
  const of = numRows - numRefused;
  const what = `in ${numJoined} of ${of} rows${whose} a token begins in the prompt and ends in the response, and is scored with it`;
  const mend = "inference ends a prompt before such a token: let the response begin with the space, or at a new line";
  return [said(`${what}; ${mend}`, numJoined / of)];
}

/** What rows say of themselves. */
export function remarkedRows({ rows, remarks }: Pick<WholeRows, "rows" | "remarks">): readonly RowProblem[] {
  return Object.entries(remarks).map(([text, count]) =>
    said(`in ${count} of ${counted(rows.length, "row")} ${text}`, count / rows.length),
  );
}

function repeatedRows({ numRepeated, numRows }: RowFacts, whose: string, where: string): readonly RowProblem[] {
  if (numRepeated === 0) return [];
  return [
    said(
      `${numRepeated} of ${numRows} rows${whose} ${isOrAre(numRepeated)} the same as an earlier row${where}`,
      numRepeated / numRows,
    ),
  ];
}

/** Rows that are both trained on and held out. */
function leakedRows({ leaks, heldOut }: JobFacts, place: PlacePair): readonly RowProblem[] {
  if (leaks === undefined || heldOut === undefined) return [];
  const { numSame, firstSame, numSamePrompt, firstSamePrompt } = leaks;
  const of = counted(heldOut.numKept, "held-out row");
  return [
    ...(numSame > 0
      ? [
          {
            severity: "warning" as const,
            text: `${numSame} of ${of} ${isOrAre(numSame)} trained on, too, so that the evaluation flatters${example(firstSame, (pair) => place(pair, "held out"), "is also")}`,
          },
        ]
      : []),
    ...(numSamePrompt > 0
      ? [
          said(
            `${numSamePrompt} of ${of} ${numSamePrompt === 1 ? "has" : "have"} a prompt that is trained on with another answer${example(firstSamePrompt, (pair) => place(pair, "held out"), "has the prompt of")}`,
            numSamePrompt / heldOut.numKept,
          ),
        ]
      : []),
  ];
}

function isOrAre(count: number): string {
  return count === 1 ? "is" : "are";
}

function example(
  pair: RowPair | undefined,
  place: (pair: RowPair) => readonly [string, string] | undefined,
  relation: string,
): string {
  const places = pair === undefined ? undefined : place(pair);
  return places === undefined ? "" : `: ${places[0]} ${relation} ${places[1]}`;
}

/** What the cutoffLength of a job takes of its lengths, and of those of its evaluation. */
export function cutLengths(job: Job): readonly RowProblem[] {
  return [job.data, job.evaluation?.data].flatMap((data): readonly RowProblem[] => {
    const cut = data !== undefined && isLengthData(data) ? cutOfLengths(job, data) : undefined;
    if (cut === undefined) return [];
    const { numRows, numCut, numTokens, numTokensCut } = cut;
    const whose = data === job.data ? "" : " of the evaluation";
    const lost = `${((100 * numTokensCut) / numTokens).toFixed(1)} % of their tokens`;
    const text = `${numCut} of ${numRows} lengths${whose} cut to the cutoffLength of ${job.cutoffLength} tokens, ${lost}`;
    return [said(text, numCut / numRows)];
  });
}

/** Most of a job's rows are dropped. */
function tooManyDropped(job: Job, index: number, { numDropped, numRows, numRefused }: Counts): readonly RowProblem[] {
  const of = numRows - numRefused;
  if (numDropped <= MOST_DROPPED * of) return [];
  const error = new InputError({
    expected: "a cutoffLength that leaves something to score in at least half of the rows",
    at: `jobs[${index}].cutoffLength`,
    got: `${job.cutoffLength}, which leaves nothing in ${numDropped} of ${of} rows`,
  });
  return [ofError(error)];
}

function together(a: Counts, b: Counts): Counts {
  return {
    numRows: a.numRows + b.numRows,
    numRefused: a.numRefused + b.numRefused,
    numCut: a.numCut + b.numCut,
    numDropped: a.numDropped + b.numDropped,
    numUnscored: a.numUnscored + b.numUnscored,
    numJoined: a.numJoined + b.numJoined,
  };
}

/** All that is to be said of the rows of a job, wherever it is said. `place`: where rows stand, if that is known. */
export function rowProblems(
  job: Job,
  index: number,
  facts: JobFacts,
  place: PlacePair = () => undefined,
): readonly RowProblem[] {
  const { training, heldOut, firstRepeated } = facts;
  const isShared = heldOut !== undefined && job.evaluation?.data === undefined;
  // A cutoff does not ask which rows are held out.
  const read = isShared ? together(training, heldOut) : training;
  const whose = isShared ? " that are trained on" : "";
  const ofHeld = isShared ? " that are held out" : " of the evaluation";
  const where = example(firstRepeated, (pair) => place(pair, "training"), "is the same as");
  return [
    ...tooManyDropped(job, index, read),
    ...lostRows(read, job, ""),
    ...joinedRows(read, ""),
    ...repeatedRows(training, whose, where),
    ...(heldOut === undefined
      ? []
      : [
          ...(isShared ? [] : [...lostRows(heldOut, job, ofHeld), ...joinedRows(heldOut, ofHeld)]),
          ...repeatedRows(heldOut, ofHeld, ""),
          ...leakedRows(facts, place),
        ]),
  ];
}
