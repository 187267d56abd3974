import type { Dataset } from "../../datasets/index.ts";
import { cutOfLengths, isLengthData, type Job } from "../../plan/index.ts";

/** Of the rows: what is true of more is a warning. */
const MOST_UNSAID = 0.05;

/** What is said of some of the rows. */
interface SaidOfRows {
  readonly text: string;
  readonly share: number;
}

/** What a person would want to know, and what a person should look at. */
export function remarksAndWarnings(said: readonly SaidOfRows[]): {
  readonly remarks: readonly string[];
  readonly warnings: readonly string[];
} {
  const texts = (isMuch: boolean): readonly string[] =>
    said.filter(({ share }) => share > MOST_UNSAID === isMuch).map(({ text }) => text);
  return { remarks: texts(false), warnings: texts(true) };
}

/** Columns of which nothing is made, where there are some. */
export function ignoredColumns(names: readonly string[]): readonly string[] {
  const most = 8;
  const more = names.length > most ? ` and ${names.length - most} more` : "";
  if (names.length === 0) return [];
  return [`not read: ${names.length === 1 ? "column" : "columns"} ${names.slice(0, most).join(", ")}${more}`];
}

/** Rows of the file, with those that were left out. */
export function numRead({ rows, numDropped, numUnscored }: Dataset): number {
  return rows.length + numDropped + numUnscored;
}

/** Rows that the cutoff shortened or dropped, or of which nothing is trained. */
export function lostRows(dataset: Dataset, cutoffLength: number): readonly SaidOfRows[] {
  const { numCut, numDropped, numUnscored, tooLong } = dataset;
  const of = numRead(dataset);
  const share = (numCut + numDropped) / of;
  return [
    ...(numCut > 0 ? [{ text: `${numCut} of ${of} rows cut to ${cutoffLength} tokens`, share }] : []),
    ...(numDropped > 0
      ? [
          {
            text: `${numDropped} of ${of} rows dropped, ${
              tooLong === "cut" ? "the cutoff left nothing to score" : "they are longer than the cutoff"
            }`,
            share,
          },
        ]
      : []),
    ...(numUnscored > 0
      ? [
          {
            text: `${numUnscored} of ${of} rows left out, the data say that nothing of them is trained`,
            share: numUnscored / of,
          },
        ]
      : []),
  ];
}

/** Rows in which a token is partly of the prompt and partly of the response, or the same of a chat's turns. */
export function joinedRows(dataset: Dataset, whose: string): readonly SaidOfRows[] {
  const { numJoined } = dataset;
  if (numJoined === 0) return [];
  const of = numRead(dataset);
  const what = `in ${numJoined} of ${of} rows${whose} a token begins in the prompt and ends in the response, and is scored with it`;
  const mend = "inference ends a prompt before such a token: let the response begin with the space, or at a new line";
  return [{ text: `${what}; ${mend}`, share: numJoined / of }];
}

/** What the cutoffLength of a job takes of its lengths, and of those of its evaluation. */
export function cutLengths(job: Job): readonly SaidOfRows[] {
  return [job.data, job.evaluation?.data].flatMap((data): readonly SaidOfRows[] => {
    const cut = data !== undefined && isLengthData(data) ? cutOfLengths(job, data) : undefined;
    if (cut === undefined) return [];
    const { numRows, numCut, numTokens, numTokensCut } = cut;
    const whose = data === job.data ? "" : " of the evaluation";
    const lost = `${((100 * numTokensCut) / numTokens).toFixed(1)} % of their tokens`;
    const text = `${numCut} of ${numRows} lengths${whose} cut to the cutoffLength of ${job.cutoffLength} tokens, ${lost}`;
    return [{ text, share: numCut / numRows }];
  });
}
