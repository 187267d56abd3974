import { existsSync } from "node:fs";
import path from "node:path";
import { InputError, ownValue } from "../../core/index.ts";
import { checkTokenizerFiles, type Row, resolveModel, withTemplateFile } from "../../datasets/index.ts";
import { adapterDigest, type ModelFolder, openModelFolder, readPeftFolder } from "../../exec/index.ts";
import { type FileOrDocument, type Place, readInput, type TellBytes } from "../../files/index.ts";
import {
  type Architecture,
  type FileData,
  isMixture,
  type Job,
  type JobRows,
  jobsOn,
  type LengthData,
  parseWorkload,
  placeError,
  type ReadText,
  readText,
  type Sweep,
  stoppingOptions,
  type Workload,
  withSweeps,
  workloadArchitecture,
} from "../../plan/index.ts";
import type { JobFacts } from "../data/job-facts.ts";
import type { RowProblem } from "../data/row-problems.ts";
import { type JobDataset, loadJobData } from "./job-data.ts";
import { RowReader } from "./read-rows.ts";

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
    /** Of a job with several data sets each. */
    readonly data: Record<string, string | string[]>;
    readonly init: Record<string, string>;
    readonly evaluation?: Record<string, string>;
  };
  /** What becomes of each job's rows. */
  readonly facts: readonly JobFacts[];
  /** What a person would want to know of the data: inferred formats, rows that were cut or dropped. */
  readonly remarks: readonly string[];
  /** The same of what a person should look at: many such rows. */
  readonly warnings: readonly string[];
}

/** Of all jobs together: what their steps take is then less than a gigabyte of memory. */
const MOST_OF_ALL = { steps: 2 ** 23, rows: 2 ** 26 } as const;

/** Names that are told; of more the number. */
const MOST_NAMES = 12;

/** Names in one line, also those of the jobs of a large sweep. */
export function listedNames(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return more > 0 ? `${names.slice(0, MOST_NAMES).join(", ")} and ${more} more` : names.join(", ");
}

/** Problems of jobs, each once, behind the names of all that have it. */
export function namedProblems(
  of: readonly { readonly name: string; readonly problems: readonly RowProblem[] }[],
  severity: RowProblem["severity"],
): readonly string[] {
  const named = new Map<string, string[]>();
  for (const { name, problems } of of)
    for (const problem of problems)
      if (problem.severity === severity) named.set(problem.text, [...(named.get(problem.text) ?? []), name]);
  return [...named].map(([text, names]) => `${listedNames(names)}: ${text}`);
}

/** What a plan assumes of jobs that may be stopped early. */
export function plannedWhole(jobs: readonly Pick<Job, "name" | "earlyStopping">[]): readonly string[] {
  const stopped = jobs.filter((job) => stoppingOptions(job) !== undefined).map(({ name }) => name);
  if (stopped.length === 0) return [];
  return [`all steps of ${listedNames(stopped)} are planned; \`train\` ends them early where their losses say so`];
}

/** What a workload says for a job scheduler, and a plan does not use. */
export function unusedInPlans({
  workload: { jobs },
  sweeps,
}: Pick<LoadedWorkload, "workload" | "sweeps">): readonly string[] {
  const fromTheStart = "a plan has all jobs from the start; `loratwin serve` and `simulate --policy` use it";
  const halved = sweeps.filter(({ halving }) => halving !== undefined);
  const modelled = sweeps.filter(({ model }) => model !== undefined);
  const said: readonly (readonly [string, string, readonly Job[]])[] = [
    ["priority", fromTheStart, jobs.filter(({ priority }) => priority !== 0)],
    ["deadlineSeconds", fromTheStart, jobs.filter(({ deadlineSeconds }) => deadlineSeconds !== undefined)],
    [
      "maxCost",
      "a plan has all steps of a job; `loratwin serve` ends those whose budget is spent",
      jobs.filter(({ maxCost }) => maxCost !== undefined),
    ],
  ];
  return [
    ...plannedWhole(jobs),
    ...said.flatMap(([key, why, of]) =>
      of.length === 0 ? [] : [`${key} of ${of.map(({ name }) => name).join(", ")} is not used: ${why}`],
    ),
    ...(modelled.length === 0
      ? []
      : [
          `points of ${modelled.map(({ name }) => name).join(", ")} are drawn: \`loratwin train\` chooses later ones by losses`,
        ]),
    ...(halved.length === 0
      ? []
      : [
          `halving of ${halved.map(({ name }) => name).join(", ")} is not used: a plan has all steps of a job; ` +
            "`loratwin train` halves, and `loratwin simulate` says what that takes",
        ]),
  ];
}

/** What a workload says for a fleet that trains, and a simulation of one does not use. */
export function unusedInSimulations({ workload: { jobs } }: Pick<LoadedWorkload, "workload">): readonly string[] {
  const stopped = jobs.filter((job) => stoppingOptions(job) !== undefined).map(({ name }) => name);
  if (stopped.length === 0) return [];
  const why = "a simulation has no losses; `loratwin serve` stops early";
  return [`earlyStopping of ${stopped.join(", ")} is not used: ${why}`];
}

/** The model that a workload names, opened. */
async function openModel(workload: Workload, folder: string): Promise<ModelFolder | undefined> {
  if (!("path" in workload.model)) return undefined;
  return openModelFolder(await resolveModel(workload.model.path, { baseFolder: folder }));
}

/** Who has read some of the rows already, or is told how many bytes of how many have become rows. */
export interface RowReading {
  readonly reader?: RowReader | undefined;
  readonly onRead?: TellBytes | undefined;
}

/** Reads a workload, its model's configuration, its data and the adapters that jobs start from. @throws InputError */
export async function loadWorkload(
  place: Place,
  file: FileOrDocument,
  reading: RowReading = {},
): Promise<LoadedWorkload> {
  const input = readInput(place, file, "a workload file");
  const workload = parseWorkload(input.text, input.file);
  const source = withSweeps(readText(input.text, input.file), workload);
  try {
    return { ...(await loadInputs(workload, source, place.cache ?? false, reading)), sweeps: workload.sweeps };
  } catch (error) {
    throw placeError(error, source);
  }
}

/** The workload with the texts of the chat templates that it names as files: a plan holds all that its rows follow from. */
function withTemplates(workload: Workload, folder: string): Workload {
  const own = (data: FileData | LengthData, at: string): FileData | LengthData =>
    "lengths" in data ? data : withTemplateFile(data, folder, at);
  const read = (data: Job["data"], at: string): Job["data"] =>
    isMixture(data)
      ? {
          ...data,
          datasets: data.datasets.map((set, index) => withTemplateFile(set, folder, `${at}.datasets[${index}]`)),
        }
      : own(data, at);
  const held = ({ evaluation }: Job, index: number): Pick<Job, "evaluation"> => {
    if (evaluation?.data === undefined) return {};
    return { evaluation: { ...evaluation, data: own(evaluation.data, `jobs[${index}].evaluation.data`) } };
  };
  const jobs = workload.jobs.map((job, index) => ({
    ...{ ...job, data: read(job.data, `jobs[${index}].data`) },
    ...held(job, index),
  }));
  return { ...workload, jobs };
}

/** The workload, the model that it names, and who reads its jobs' rows. @throws InputError */
export async function openWorkload(given: Workload, folder: string, cache: boolean, onRead?: TellBytes) {
  const named = withTemplates(given, folder);
  const model = await openModel(named, folder);
  const architecture = model?.architecture ?? workloadArchitecture(named);
  const workload = { ...named, jobs: jobsOn(architecture, named.jobs) };
  const reader = new RowReader({
    folder,
    vocabularySize: architecture.vocabularySize,
    mostTokens: architecture.maxPositions,
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
  return { workload, model, architecture, reader };
}

/** What a workload names, looked at; relative paths start at the folder of its text. @throws InputError */
export async function loadInputs(
  given: Workload,
  source: ReadText,
  cache: boolean,
  { reader: known, onRead }: RowReading = {},
): Promise<LoadedWorkload> {
  const folder = path.dirname(source.file);
  const { workload, model, architecture, reader: own } = await openWorkload(given, folder, cache, onRead);
  const reader = known ?? own;
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
  const named = <Value>(pick: (job: Job, index: number) => Value | undefined): Record<string, Value> =>
    Object.fromEntries(
      workload.jobs.flatMap((job, index) => {
        const value = pick(job, index);
        return value === undefined ? [] : [[job.name, value]];
      }),
    );
  const init = named((job) => (job.adapter.init === undefined ? undefined : path.resolve(folder, job.adapter.init)));
  /** Digests of the adapters that jobs start from. */
  const starts = new Map<number, string>();
  const problems = workload.jobs.map(({ name }, index) => ({ name, problems: datasets[index]!.problems }));
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
      data: named(({ data }, index) => (isMixture(data) ? [...datasets[index]!.files] : datasets[index]!.files[0])),
      init,
      ...(Object.keys(evaluation).length === 0 ? {} : { evaluation }),
    },
    facts: datasets.map(({ facts }) => facts),
    remarks: namedProblems(problems, "remark"),
    warnings: namedProblems(problems, "warning"),
  };
}
