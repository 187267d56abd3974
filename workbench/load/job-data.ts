import { InputError } from "../../core/index.ts";
import { countScored, datasetDigest, orderRows, type Row } from "../../datasets/index.ts";
import { comparedRow } from "../../exec/index.ts";
import {
  comparedSizes,
  divideRows,
  evaluationRows,
  isLengthData,
  type Job,
  type JobRows,
  type LengthData,
  lengthRows,
  sampleRows,
  stepCount,
  withPrompts,
} from "../../plan/index.ts";
import { comparedFacts, type JobFacts, jobFacts, lengthFacts } from "../data/job-facts.ts";
import { cutLengths, type RowProblem, rowProblems } from "../data/row-problems.ts";
import { comparingOf, type ReadRows, type RowReader } from "./read-rows.ts";
import { checkSample, samplePrompts } from "./sample-prompts.ts";

/** A job's data, read. */
export interface JobDataset {
  readonly rows: JobRows;
  readonly data: readonly Row[];
  readonly file: string | undefined;
  /** Of its evaluation, where that has data of its own. */
  readonly evaluationFile: string | undefined;
  readonly facts: JobFacts;
  /** None of them an error. */
  readonly problems: readonly RowProblem[];
}

/** @throws InputError where lengths are to be evaluated by a model, or rows where only lengths are known */
export function checkEvaluation({ data, evaluation }: Job, index: number): void {
  if (evaluation?.data === undefined || isLengthData(data) === isLengthData(evaluation.data)) return;
  throw new InputError({
    expected: isLengthData(data) ? "lengths, as the job's own data are," : "a file, as the job's own data are,",
    at: `jobs[${index}].evaluation.data`,
    got: evaluation.data,
  });
}

/** Data of a job's evaluation that are its own; undefined where it has none. */
async function readEvaluationData(job: Job, index: number, reader: RowReader): Promise<ReadRows | undefined> {
  const data = job.evaluation?.data;
  if (data === undefined || isLengthData(data)) return undefined;
  return await reader.read(data, job.cutoffLength, index, "evaluation.data", comparingOf(job));
}

/** A note of what the first record showed, where the workload did not say it. */
export function toldFormat(
  { data }: Job,
  { format, inferred }: { readonly format?: string | undefined; readonly inferred?: string | undefined },
): readonly RowProblem[] {
  if (inferred === undefined || isLengthData(data) || data.prompt !== undefined) return [];
  return [{ severity: "remark", text: `read as ${format}, since ${inferred}` }];
}

/** A note of columns of which nothing is made. */
export function ignoredColumns({ ignored }: { readonly ignored: readonly string[] }): readonly RowProblem[] {
  const most = 8;
  const more = ignored.length > most ? ` and ${ignored.length - most} more` : "";
  if (ignored.length === 0) return [];
  const names = `${ignored.slice(0, most).join(", ")}${more}`;
  return [{ severity: "remark", text: `not read: ${ignored.length === 1 ? "column" : "columns"} ${names}` }];
}

/** The rows that a job's steps take, those that it is evaluated on, and its prompts. @throws InputError where there is none */
export function takenRows(
  job: Job,
  index: number,
  dataset: ReadRows,
  other: ReadRows | undefined,
  prompts: readonly Row[],
): JobRows {
  const rows = other === undefined ? dataset.rows : [...dataset.rows, ...other.rows];
  const divided = divideRows(job.evaluation, dataset.rows.length, other?.rows.length ?? 0);
  if (divided.training.length === 0 || (job.evaluation !== undefined && divided.evaluation.length === 0))
    throw new InputError({
      expected: "at least one row to train on and one to evaluate",
      at: `jobs[${index}].evaluation`,
      got: `${dataset.rows.length} rows${other === undefined ? "" : `, and ${other.rows.length} of its own`}`,
    });
  if (job.evaluation !== undefined && !divided.evaluation.some((at) => countScored(rows[at]!) > 0))
    throw new InputError({
      expected: "at least one scored token in the rows that are evaluated",
      at: `jobs[${index}].evaluation`,
      got: `${divided.evaluation.length} rows without one`,
    });
  stepCount(job, divided.training.length);
  const amount = job.steps === undefined ? { epochs: job.epochs! } : { steps: job.steps };
  const order = { seed: job.seed, shuffle: dataset.shuffle, batchSize: job.batchSize, ...amount };
  const steps = orderRows(divided.training.length, order).map((step) =>
    Array.from(step, (at) => divided.training[at]!),
  );
  return {
    ...withPrompts(
      rowSizes(job, rows),
      prompts.map(({ inputIds }) => inputIds.length),
    ),
    digest: datasetDigest(rows),
    steps,
    ...evaluationRows(job, divided, steps.length),
    ...sampleRows(job, rows.length, steps.length),
  };
}

type RowSizes = { readonly [Key in "tokens" | "scored"]: readonly number[] } & Pick<JobRows, "compared">;

/** Tokens of rows, and scored ones, as a plan has them. */
function rowSizes({ loss }: Job, rows: readonly Row[]): RowSizes {
  if (loss === undefined) return { tokens: rows.map((row) => row.inputIds.length), scored: rows.map(countScored) };
  return comparedSizes(loss, rows.map(comparedRow));
}

/** A job of which only lengths are known. @throws InputError for more steps than a job may take */
export function loadLengths(job: Job, data: LengthData): JobDataset {
  const rows = lengthRows(job, data);
  const facts = lengthFacts(job, rows);
  return { rows, data: [], file: undefined, evaluationFile: undefined, facts, problems: cutLengths(job) };
}

/** Reads a job's data. @throws InputError for the first thing that keeps it from being trained */
export async function loadJobData(job: Job, index: number, reader: RowReader): Promise<JobDataset> {
  checkEvaluation(job, index);
  checkSample(job, index, reader.context.mostTokens);
  if (isLengthData(job.data)) return loadLengths(job, job.data);
  const dataset = await reader.read(job.data, job.cutoffLength, index, "data", comparingOf(job));
  const other = await readEvaluationData(job, index, reader);
  const prompts = job.sample === undefined ? [] : await samplePrompts(job, index, dataset.file, reader.context);
  const rows = takenRows(job, index, dataset, other, prompts);
  const facts =
    job.loss === undefined ? jobFacts(job, dataset.whole, other?.whole) : comparedFacts(job, dataset, other);
  const problems = [...toldFormat(job, dataset), ...ignoredColumns(dataset), ...rowProblems(job, index, facts)];
  for (const { error } of problems) if (error !== undefined) throw error;
  return {
    ...{ rows, facts, problems },
    data:
      other === undefined && prompts.length === 0
        ? dataset.rows
        : [...dataset.rows, ...(other?.rows ?? []), ...prompts],
    file: dataset.file,
    evaluationFile: other?.file,
  };
}
