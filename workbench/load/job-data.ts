import { canonicalJson, InputError } from "../../core/index.ts";
import { countScored, datasetDigest, type Row } from "../../datasets/index.ts";
import { comparedRow } from "../../exec/index.ts";
import {
  comparedSizes,
  type DataSet,
  dataSetsOf,
  dividedRows,
  isLengthData,
  type Job,
  type JobRows,
  type LengthData,
  lengthRows,
  mixtureOf,
  type RowSizes,
  type RowSource,
  rowsInOrder,
} from "../../plan/index.ts";
import { comparedFacts, type JobFacts, jobFacts, lengthFacts, setFacts } from "../data/job-facts.ts";
import {
  cutLengths,
  mixedSets,
  type RowProblem,
  refusedRows,
  remarkedRows,
  rowProblems,
} from "../data/row-problems.ts";
import type { ReadRows } from "./joined-sets.ts";
import { comparingOf, type RowReader } from "./read-rows.ts";
import { checkSample, samplePrompts } from "./sample-prompts.ts";

/** A job's data, read. */
export interface JobDataset {
  readonly rows: JobRows;
  readonly data: readonly Row[];
  /** Of each of its sets; none where only lengths are known. */
  readonly files: readonly string[];
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

/** A note of what the first record of a set showed, where the workload did not say it. */
export function toldFormat(
  { prompt }: DataSet,
  { format, inferred }: { readonly format?: string | undefined; readonly inferred?: string | undefined },
): readonly RowProblem[] {
  if (inferred === undefined || prompt !== undefined) return [];
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

/** A note of rows that cannot be read and are left out. */
function leftOut({ skipped, whole }: ReadRows, compared: boolean): readonly RowProblem[] {
  const perRecord = compared ? 2 : 1;
  return refusedRows(skipped, (skipped?.count ?? 0) + whole.rows.length / perRecord, "skip");
}

/** The rows that a job's steps take, those that it is evaluated on, and its prompts. @throws InputError where there is none */
export function takenRows(
  job: Job,
  index: number,
  dataset: ReadRows,
  other: ReadRows | undefined,
  prompts: readonly Row[],
): JobRows {
  const rows = joined(dataset.rows, other?.rows ?? []);
  const source: RowSource = {
    ...{ sizes: rowSizes(job, rows), numRows: dataset.rows.length, shuffle: dataset.shuffle },
    prompts: prompts.map(({ inputIds }) => inputIds.length),
    mixture: mixtureOf(
      job.data,
      (dataset.sets ?? [dataset]).map((set) => set.rows.length),
    ),
  };
  const { training, evaluation } = dividedRows(job, source);
  if (training.length === 0 || (job.evaluation !== undefined && evaluation.length === 0))
    throw new InputError({
      expected: "at least one row to train on and one to evaluate",
      at: `jobs[${index}].evaluation`,
      got: `${dataset.rows.length} rows${other === undefined ? "" : `, and ${other.rows.length} of its own`}`,
    });
  if (job.evaluation !== undefined && !evaluation.some((at) => countScored(rows[at]!) > 0))
    throw new InputError({
      expected: "at least one scored token in the rows that are evaluated",
      at: `jobs[${index}].evaluation`,
      got: `${evaluation.length} rows without one`,
    });
  const skipped = (dataset.skipped?.count ?? 0) + (other?.skipped?.count ?? 0);
  return { ...rowsInOrder(job, source, datasetDigest(rows)), ...(skipped === 0 ? {} : { skipped }) };
}

/** Rows with others behind them, by both: many jobs have the same. */
const known = new WeakMap<readonly Row[], WeakMap<readonly Row[], readonly Row[]>>();

function joined(rows: readonly Row[], others: readonly Row[]): readonly Row[] {
  if (others.length === 0) return rows;
  const own = known.get(rows) ?? new WeakMap<readonly Row[], readonly Row[]>();
  known.set(rows, own);
  const all = own.get(others) ?? [...rows, ...others];
  own.set(others, all);
  return all;
}

/** By rows and how a loss compares them. */
const sizes = new WeakMap<readonly Row[], Map<string, RowSizes>>();

/** Tokens of rows, and scored ones, as a plan has them. */
function rowSizes({ loss }: Job, rows: readonly Row[]): RowSizes {
  const own = sizes.get(rows) ?? new Map<string, RowSizes>();
  sizes.set(rows, own);
  const key = canonicalJson(loss ?? null);
  const found =
    own.get(key) ??
    (loss === undefined
      ? { tokens: rows.map((row) => row.inputIds.length), scored: rows.map(countScored) }
      : comparedSizes(loss, rows.map(comparedRow)));
  own.set(key, found);
  return found;
}

/** A job of which only lengths are known. @throws InputError for more steps than a job may take */
export function loadLengths(job: Job, data: LengthData): JobDataset {
  const rows = lengthRows(job, data);
  const facts = lengthFacts(job, rows);
  return { rows, data: [], files: [], evaluationFile: undefined, facts, problems: cutLengths(job) };
}

/** Reads a job's data. @throws InputError for the first thing that keeps it from being trained */
export async function loadJobData(job: Job, index: number, reader: RowReader): Promise<JobDataset> {
  checkEvaluation(job, index);
  checkSample(job, index, reader.context.mostTokens);
  if (isLengthData(job.data)) return loadLengths(job, job.data);
  const dataset = await reader.readJob(job, index);
  const sets = dataset.sets ?? [dataset];
  const other = await readEvaluationData(job, index, reader);
  const prompts = job.sample === undefined ? [] : await samplePrompts(job, index, sets[0]!.file, reader.context);
  const rows = takenRows(job, index, dataset, other, prompts);
  const facts =
    job.loss === undefined ? jobFacts(job, dataset.whole, other?.whole) : comparedFacts(job, dataset, other);
  const isPair = comparingOf(job)?.compared === "preference";
  const problems = [
    ...dataSetsOf(job.data).flatMap((set, at) => toldFormat(set, sets[at]!)),
    ...ignoredColumns(dataset),
    ...[...sets, other].flatMap((each) => (each === undefined ? [] : leftOut(each, isPair))),
    ...[dataset, other].flatMap((each) => (each === undefined ? [] : remarkedRows(each.whole))),
    ...rowProblems(job, index, facts),
    ...mixedSets(
      setFacts(
        rows,
        dataSetsOf(job.data).map((set) => set.path),
      ),
    ),
  ];
  for (const { error } of problems) if (error !== undefined) throw error;
  return {
    ...{ rows, facts, problems },
    data: joined(joined(dataset.rows, other?.rows ?? []), prompts),
    files: sets.map(({ file }) => file),
    evaluationFile: other?.file,
  };
}
