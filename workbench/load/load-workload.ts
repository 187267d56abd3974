import { existsSync } from "node:fs";
import path from "node:path";
import { InputError, ownValue } from "../../core/index.ts";
import {
  checkTokenizerFiles,
  countScored,
  type Dataset,
  datasetDigest,
  orderRows,
  type Row,
  resolveModel,
} from "../../datasets/index.ts";
import { adapterDigest, type ModelFolder, openModelFolder, readPeftFolder } from "../../exec/index.ts";
import { type FileOrDocument, type Place, readInput, type TellBytes } from "../../files/index.ts";
import {
  type Architecture,
  divideRows,
  evaluationRows,
  isLengthData,
  type Job,
  type JobRows,
  lengthRows,
  longestRow,
  parseWorkload,
  placeError,
  type ReadText,
  readText,
  type Sweep,
  stepCount,
  stoppingOptions,
  type Workload,
  withSweeps,
  workloadArchitecture,
} from "../../plan/index.ts";
import { RowReader } from "./read-rows.ts";
import { cutLengths, joinedRows, lostRows, numRead, remarksAndWarnings } from "./row-remarks.ts";

/** A workload with everything it names looked at. */
export interface LoadedWorkload {
  readonly workload: Workload;
  /** Which of its jobs are points of a sweep. */
  readonly sweeps: readonly Sweep[];
  /** The workload's text. */
  readonly source: ReadText;
  readonly architecture: Architecture;
  /** Absent when the workload gives an architecture only. */
  readonly model: ModelFolder | undefined;
  readonly rows: readonly JobRows[];
  /** Tokens of each job; empty for jobs of which only lengths are known. */
  readonly data: readonly (readonly Row[])[];
  /** Absolute paths: the model, data and adapter starts. */
  readonly locations: {
    readonly model: string | null;
    readonly data: Record<string, string>;
    readonly init: Record<string, string>;
    readonly evaluation?: Record<string, string>;
  };
  /** What a person would want to know of the data: inferred formats, rows that were cut or dropped. */
  readonly remarks: readonly string[];
  /** The same of what a person should look at: many such rows. */
  readonly warnings: readonly string[];
}

/** Of the rows: a job of which more are dropped is refused. */
const MOST_DROPPED = 0.5;

interface JobDataset {
  readonly rows: JobRows;
  readonly data: readonly Row[];
  readonly file: string | undefined;
  /** Of its evaluation, where that has data of its own. */
  readonly evaluationFile: string | undefined;
  readonly remarks: readonly string[];
  readonly warnings: readonly string[];
}

/** Of all jobs together: what their steps take is then less than a gigabyte of memory. */
const MOST_OF_ALL = { steps: 2 ** 23, rows: 2 ** 26 } as const;

/** @throws InputError where lengths are to be evaluated by a model, or rows where only lengths are known */
function checkEvaluation({ data, evaluation }: Job, index: number): void {
  if (evaluation?.data === undefined || isLengthData(data) === isLengthData(evaluation.data)) return;
  throw new InputError({
    expected: isLengthData(data) ? "lengths, as the job's own data are," : "a file, as the job's own data are,",
    at: `jobs[${index}].evaluation.data`,
    got: evaluation.data,
  });
}

/** Data of a job's evaluation that are its own; undefined where it has none. */
async function readEvaluationData(job: Job, index: number, reader: RowReader): Promise<Dataset | undefined> {
  const data = job.evaluation?.data;
  if (data === undefined || isLengthData(data)) return undefined;
  return await reader.read(data, job.cutoffLength, index, "evaluation.data");
}

async function loadJobData(job: Job, index: number, reader: RowReader): Promise<JobDataset> {
  checkEvaluation(job, index);
  if (isLengthData(job.data)) {
    const rows = lengthRows(job, job.data);
    return { rows, data: [], file: undefined, evaluationFile: undefined, ...remarksAndWarnings(cutLengths(job)) };
  }
  const dataset = await reader.read(job.data, job.cutoffLength, index);
  const { shuffle, file, format, inferred, numDropped } = dataset;
  const other = await readEvaluationData(job, index, reader);
  const rows = other === undefined ? dataset.rows : [...dataset.rows, ...other.rows];
  const divided = divideRows(job.evaluation, dataset.rows.length, other?.rows.length ?? 0);
  if (divided.training.length === 0 || (job.evaluation !== undefined && divided.evaluation.length === 0))
    throw new InputError({
      expected: "at least one row to train on and one to evaluate",
      at: `jobs[${index}].evaluation`,
      got: `${dataset.rows.length} rows${other === undefined ? "" : `, and ${other.rows.length} of its own`}`,
    });
  stepCount(job, divided.training.length);
  const amount = job.steps === undefined ? { epochs: job.epochs! } : { steps: job.steps };
  const order = { seed: job.seed, shuffle, batchSize: job.batchSize, ...amount };
  const steps = orderRows(divided.training.length, order).map((step) =>
    Array.from(step, (at) => divided.training[at]!),
  );
  const numRows = numRead(dataset);
  if (numDropped > MOST_DROPPED * numRows)
    throw new InputError({
      expected: "a cutoffLength that leaves something to score in at least half of the rows",
      at: `jobs[${index}].cutoffLength`,
      got: `${job.cutoffLength}, which leaves nothing in ${numDropped} of ${numRows} rows`,
    });
  const isTold = inferred !== undefined && job.data.prompt === undefined;
  const said = remarksAndWarnings([
    ...lostRows(dataset, job.cutoffLength),
    ...joinedRows(dataset, ""),
    ...(other === undefined ? [] : joinedRows(other, " of the evaluation")),
  ]);
  return {
    rows: {
      tokens: rows.map((row) => row.inputIds.length),
      scored: rows.map(countScored),
      digest: datasetDigest(rows),
      steps,
      ...evaluationRows(job, divided, steps.length),
    },
    data: rows,
    file,
    evaluationFile: other?.file,
    remarks: [...(isTold ? [`read as ${format}, since ${inferred}`] : []), ...said.remarks],
    warnings: said.warnings,
  };
}

/** Each remark, or warning, once, behind the names of all jobs that it is true of. */
function ofJobs({ jobs }: Workload, datasets: readonly JobDataset[], which: "remarks" | "warnings"): readonly string[] {
  const named = new Map<string, string[]>();
  datasets.forEach((dataset, job) => {
    for (const remark of dataset[which]) named.set(remark, [...(named.get(remark) ?? []), jobs[job]!.name]);
  });
  return [...named].map(([remark, names]) => `${names.join(", ")}: ${remark}`);
}

/** What a workload says for a job scheduler, and a plan does not use. */
export function unusedInPlans({
  workload: { jobs },
  sweeps,
}: Pick<LoadedWorkload, "workload" | "sweeps">): readonly string[] {
  const fromTheStart = "a plan has all jobs from the start";
  const said: readonly (readonly [string, string, readonly Job[]])[] = [
    ["priority", fromTheStart, jobs.filter(({ priority }) => priority !== 0)],
    ["deadlineSeconds", fromTheStart, jobs.filter(({ deadlineSeconds }) => deadlineSeconds !== undefined)],
    ["earlyStopping", "a plan has all steps of a job", jobs.filter((job) => stoppingOptions(job) !== undefined)],
  ];
  return [
    ...said.flatMap(([key, why, of]) =>
      of.length === 0 ? [] : [`${key} of ${of.map(({ name }) => name).join(", ")} is not used: ${why}`],
    ),
    ...unusedHalving(sweeps, "a plan has all steps of a job; `loratwin serve` halves"),
  ];
}

/** Sweeps that say how they are halved, where nobody is. */
function unusedHalving(sweeps: readonly Sweep[], why: string): readonly string[] {
  const halved = sweeps.filter(({ halving }) => halving !== undefined).map(({ name }) => name);
  return halved.length === 0 ? [] : [`halving of ${halved.join(", ")} is not used: ${why}`];
}

/** What a workload says for a fleet that trains, and a simulation of one does not use. */
export function unusedInSimulations({
  workload: { jobs },
  sweeps,
}: Pick<LoadedWorkload, "workload" | "sweeps">): readonly string[] {
  const why = "a simulation has no losses, so that every job trains to its end; `loratwin serve`";
  const stopped = jobs.filter((job) => stoppingOptions(job) !== undefined).map(({ name }) => name);
  return [
    ...(stopped.length === 0 ? [] : [`earlyStopping of ${stopped.join(", ")} is not used: ${why} stops early`]),
    ...unusedHalving(sweeps, `${why} halves`),
  ];
}

/** The model that a workload names, opened. */
async function openModel(workload: Workload, folder: string): Promise<ModelFolder | undefined> {
  if (!("path" in workload.model)) return undefined;
  return openModelFolder(await resolveModel(workload.model.path, { baseFolder: folder }));
}

/**
 * Reads a workload, its model's configuration, its data and the adapters that jobs start from. `onRead` is told how many
 * bytes of how many have become rows. @throws InputError
 */
export async function loadWorkload(place: Place, file: FileOrDocument, onRead?: TellBytes): Promise<LoadedWorkload> {
  const input = readInput(place, file, "a workload file");
  const workload = parseWorkload(input.text, input.file);
  const source = withSweeps(readText(input.text, input.file), workload);
  try {
    return { ...(await loadInputs(workload, source, place.cache ?? false, onRead)), sweeps: workload.sweeps };
  } catch (error) {
    throw placeError(error, source);
  }
}

/** What a workload names, looked at; relative paths start at the folder of its text. @throws InputError */
export async function loadInputs(
  workload: Workload,
  source: ReadText,
  cache: boolean,
  onRead?: TellBytes,
): Promise<LoadedWorkload> {
  const folder = path.dirname(source.file);
  const model = await openModel(workload, folder);
  const architecture = model?.architecture ?? workloadArchitecture(workload);
  const reader = new RowReader({
    folder,
    vocabularySize: architecture.vocabularySize,
    mostTokens: longestRow(architecture),
    cache,
    onRead,
    tokenizerFolder: () => {
      if (model === undefined)
        throw new InputError({
          expected: "a model folder to tokenize text with",
          at: "model",
          hint: "An architecture alone has no tokenizer: give lengths instead of a path.",
        });
      checkTokenizerFiles(model.folder);
      return model.folder;
    },
  });
  const datasets: JobDataset[] = [];
  const total = { steps: 0, rows: 0 };
  for (const [index, job] of workload.jobs.entries()) {
    const dataset = await loadJobData(job, index, reader);
    datasets.push(dataset);
    total.steps += dataset.rows.steps.length;
    total.rows += dataset.rows.steps.length * job.batchSize;
    for (const what of ["steps", "rows"] as const)
      if (total[what] > MOST_OF_ALL[what])
        throw new InputError({
          expected: `at most ${MOST_OF_ALL[what]} ${what} in all jobs`,
          at: `jobs[${index}]`,
          got: `${total[what]} up to this one`,
          hint: "Which rows each step takes is held in memory: make several workloads of it.",
        });
  }
  const named = (pick: (job: Job, index: number) => string | undefined): Record<string, string> =>
    Object.fromEntries(
      workload.jobs.flatMap((job, index) => {
        const value = pick(job, index);
        return value === undefined ? [] : [[job.name, value]];
      }),
    );
  const init = named((job) => (job.adapter.init === undefined ? undefined : path.resolve(folder, job.adapter.init)));
  /** Digests of the adapters that jobs start from. */
  const starts = new Map<number, string>();
  const evaluation = named((_, index) => datasets[index]!.evaluationFile);
  workload.jobs.forEach((job, index) => {
    const start = ownValue(init, job.name);
    if (start === undefined) return;
    if (!existsSync(start))
      throw new InputError({
        expected: "a PEFT folder",
        at: `jobs[${index}].adapter.init`,
        got: start,
        hint: "There is no such folder.",
      });
    starts.set(index, adapterDigest(readPeftFolder(start, job.adapter, architecture)));
  });
  return {
    workload,
    sweeps: [],
    source,
    architecture,
    model,
    rows: datasets.map(({ rows }, job) => {
      const initDigest = starts.get(job);
      return initDigest === undefined ? rows : { ...rows, initDigest };
    }),
    data: datasets.map(({ data }) => data),
    locations: {
      model: model?.folder ?? null,
      data: named((_, index) => datasets[index]!.file),
      init,
      ...(Object.keys(evaluation).length === 0 ? {} : { evaluation }),
    },
    remarks: ofJobs(workload, datasets, "remarks"),
    warnings: ofJobs(workload, datasets, "warnings"),
  };
}
