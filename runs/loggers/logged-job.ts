import {
  divideRows,
  evaluatedBehind,
  type FleetWork,
  type Plan,
  type PlannedJob,
  type PlannedRow,
} from "../../plan/index.ts";

/** A job as its event files tell of it. */
export interface LoggedJob extends Pick<PlannedJob, "name" | "batchSize" | "steps"> {
  /** Steps that earlier parts of the run have made and that stay. */
  readonly done: number;
  /** Rows that it trains on, each once an epoch. */
  readonly trainingRows: number;
  /** What it is, for people. */
  readonly settings: object;
}

/** `numRows`: that were read for it. Those of data of their own for evaluations are numbered on behind its own. */
function trainingRows({ evaluation }: PlannedJob, numRows: number, evaluated: readonly PlannedRow[]): number {
  const isOther = evaluation !== undefined && evaluation.share === undefined;
  if (isOther) return evaluated.reduce((least, [, row]) => Math.min(least, row), numRows);
  return divideRows(evaluation, numRows, 0).training.length;
}

function logged(job: PlannedJob, numRows: number, evaluated: readonly PlannedRow[], done: number): LoggedJob {
  const { name, batchSize, steps, sample } = job;
  const trained = numRows - (sample?.prompts.length ?? 0);
  const heldOut = evaluated.filter(([, , , , compared]) => compared?.generates === undefined);
  return { name, batchSize, steps, done, trainingRows: trainingRows(job, trained, heldOut), settings: job };
}

/** The jobs of a plan, with the rows that were read for them. */
export function jobsOfPlan({ jobs, microBatches }: Plan, data: readonly (readonly unknown[])[]): readonly LoggedJob[] {
  const evaluated = jobs.map((): PlannedRow[] => []);
  for (const { evaluation, rows } of microBatches)
    if (evaluation === true) for (const row of rows) evaluated[row[0]]!.push(row);
  return jobs.map((job, number) => logged(job, data[number]!.length, evaluated[number]!, job.firstStep ?? 0));
}

/** A job that has come over time, and has made some steps before. */
export function jobOfWork(work: FleetWork, numRows: number, done: number): LoggedJob {
  const evaluated = evaluatedBehind(work).flatMap(({ parts }) => parts.flat());
  return logged(work.job, numRows, evaluated, done);
}
