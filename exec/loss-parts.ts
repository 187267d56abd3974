// What of a micro-batch lies where, and what its losses are summed over. Sequences that adapters are on come first, in the
// order of the rows, so that a backward can leave out those of the base behind them.
import { hasReference, isOfBase, type LossSpec, type MicroBatch, type PlannedRow } from "../plan/index.ts";
import { answerAt } from "./compared-row.ts";

/** A sequence of a micro-batch. */
export interface PlacedSequence {
  /** Index into the micro-batch's rows, and which of the row's answers. */
  readonly row: number;
  readonly answer: number;
  readonly isReference: boolean;
  readonly start: number;
  readonly length: number;
}

/** Rows of a run whose losses are summed. */
export interface LossPart {
  readonly rowStart: number;
  readonly rowEnd: number;
  /** A job's rows together; a prompt or an answer that is compared; or the base's answer. */
  readonly kind: "rows" | "prompt" | "answer" | "reference";
  readonly job: number;
  /** Of a part that is compared, as of its sequence. */
  readonly row: number;
  readonly answer: number;
}

/** Of a row whose answers are compared, the indices of its parts: answers and the base's in their order. */
export interface RowParts {
  readonly prompt: number | undefined;
  readonly answers: readonly number[];
  readonly references: readonly number[];
}

export interface LossParts {
  readonly sequences: readonly PlacedSequence[];
  readonly parts: readonly LossPart[];
  /** By row of the micro-batch; undefined for one that is trained on as it is. */
  readonly ofRow: readonly (RowParts | undefined)[];
}

/** A job's first answers come before all its second ones: so do the scored rows with a gradient. */
const ANSWERS = [0, 1] as const;

type JobLoss = (job: number) => { readonly loss?: LossSpec | undefined };

function sequencesOf(rows: readonly PlannedRow[], jobOf: JobLoss): readonly PlacedSequence[] {
  const placed: PlacedSequence[] = [];
  let start = 0;
  const place = (job: number, answer: number, isReference: boolean): void =>
    rows.forEach(([of, , tokens, , compared], row) => {
      const length = compared === undefined ? [tokens][answer] : answerAt(compared, answer)?.[0];
      if (of !== job || length === undefined) return;
      placed.push({ row, answer, isReference, start, length });
      start += length;
    });
  const jobs = [...new Set(rows.map(([job]) => job))];
  const isBase = isOfBase({ rows });
  if (!isBase) for (const job of jobs) for (const answer of ANSWERS) place(job, answer, false);
  for (const job of jobs) {
    const { loss } = jobOf(job);
    if (isBase || (loss !== undefined && hasReference(loss))) for (const answer of ANSWERS) place(job, answer, true);
  }
  return placed;
}

/**
 * Parts in the order of their rows: of a job without a loss that compares one, where it is evaluated one a row; of others
 * one an answer.
 */
export function lossParts({ rows, evaluation }: Pick<MicroBatch, "rows" | "evaluation">, jobOf: JobLoss): LossParts {
  const parts: LossPart[] = [];
  const sequences = sequencesOf(rows, jobOf);
  const indices = rows.map((): { prompt: number | undefined; answers: number[]; references: number[] } => ({
    ...{ prompt: undefined, answers: [], references: [] },
  }));
  for (const { row, answer, isReference, start, length } of sequences) {
    const [job, , , , compared] = rows[row]!;
    const place = { job, row, answer };
    const end = start + length;
    const last = parts.at(-1);
    if (compared === undefined || compared.base === true) {
      if (evaluation !== true && last?.kind === "rows" && last.job === job)
        parts[parts.length - 1] = { ...last, rowEnd: end };
      else parts.push({ ...place, kind: "rows", rowStart: start, rowEnd: end });
      continue;
    }
    let from = start;
    if (jobOf(job).loss?.kind === "orpo" && answer === 0) {
      // The row of the prompt's last token predicts the answer's first.
      from = start + compared.answers[0]![2] - 1;
      indices[row]!.prompt = parts.length;
      parts.push({ ...place, kind: "prompt", rowStart: start, rowEnd: from });
    }
    indices[row]![isReference ? "references" : "answers"].push(parts.length);
    parts.push({ ...place, kind: isReference ? "reference" : "answer", rowStart: from, rowEnd: end });
  }
  const isCompared = ([, , , , compared]: PlannedRow): boolean => compared !== undefined && compared.base !== true;
  return { sequences, parts, ofRow: indices.map((own, row) => (isCompared(rows[row]!) ? own : undefined)) };
}

/** The sums of the jobs' own rows that are trained on, by job; of jobs that compare answers none. */
export function plainLosses({ parts }: LossParts, losses: ArrayLike<number>): ReadonlyMap<number, number> {
  return new Map(parts.flatMap(({ kind, job }, index) => (kind === "rows" ? [[job, losses[index]!] as const] : [])));
}
