import path from "node:path";
import { canonicalJson, InputError } from "../../core/index.ts";
import {
  compareRows,
  cutToLength,
  inWindows,
  type Row,
  type RowName,
  type TextTokenizer,
  windowRows,
  windowsOf,
} from "../../datasets/index.ts";
import { type Context, readInput, type TellBytes } from "../../files/index.ts";
import {
  dataSetsOf,
  type FileData,
  isLengthData,
  isMixture,
  type Job,
  type JobRows,
  parseWorkload,
  placeError,
  type ReadText,
  readText,
  tokensOf,
  withSweeps,
} from "../../plan/index.ts";
import { checkEvaluation, ignoredColumns, loadLengths, takenRows, toldFormat } from "../load/job-data.ts";
import { type EachRecord, joinEach, joinRows, type ReadRows } from "../load/joined-sets.ts";
import { type LoadedWorkload, loadWorkload, namedProblems, openWorkload } from "../load/load-workload.ts";
import { comparingOf, type RowReader, setPlace, skippedOf } from "../load/read-rows.ts";
import { isOverLimits } from "../load/rows-in-workers.ts";
import { checkSample, samplePrompts } from "../load/sample-prompts.ts";
import { placeText, refusalText, type SeenRow, tokenRow } from "./inspect-data.ts";
import { comparedFacts, type JobFacts, jobFacts, type RowPair, type SetFacts, setFacts } from "./job-facts.ts";
import { mixedSets, ofError, type RowProblem, refusedRows, remarkedRows, rowProblems } from "./row-problems.ts";
import { type RowFacts, RowTally } from "./row-tally.ts";

/** What a job's run takes. */
export interface RunFacts {
  readonly steps: number;
  readonly rows: number;
  readonly tokens: number;
  /** Passes over the rows that are trained on. */
  readonly epochs: number;
  readonly evaluations: number;
  /** How often its prompts are answered. */
  readonly samples: number;
}

/** A job's data before they are trained on. */
export interface InspectedJob {
  readonly name: string;
  readonly file: string | undefined;
  readonly evaluationFile: string | undefined;
  readonly cutoffLength: number;
  /** Undefined where its data cannot be read. */
  readonly facts: JobFacts | undefined;
  /** Undefined where it cannot be trained. */
  readonly run: RunFacts | undefined;
  /** Of a job with several data sets. */
  readonly sets?: readonly SetFacts[];
  readonly problems: readonly RowProblem[];
}

/** Rows of a file at a cutoff, and the jobs that take them. */
export interface InspectedRows {
  readonly name: string;
  readonly cutoffLength: number;
  readonly jobs: readonly string[];
  /** Tells all of them, in the order of the file, and returns what they come to. */
  readonly read: (onRow: (row: SeenRow) => void) => RowFacts;
}

export interface InspectedWorkload {
  readonly file: string;
  readonly jobs: readonly InspectedJob[];
  readonly sources: readonly InspectedRows[];
  /** Has read all rows, for a plan of the same workload. */
  readonly reader: RowReader;
  /** Undefined where no text is to be tokenized. */
  readonly tokenizer: TextTokenizer | undefined;
}

function runOf(job: Job, rows: JobRows, numTraining: number): RunFacts {
  const steps = rows.steps.length;
  const every = rows.evaluation?.everySteps;
  const taken = steps * job.batchSize;
  return {
    ...{ steps, rows: taken, tokens: tokensOf(rows), epochs: taken / numTraining },
    evaluations: every === undefined ? 0 : Math.ceil(steps / every),
    samples: rows.sample === undefined ? 0 : Math.ceil(steps / rows.sample.everySteps),
  };
}

/** The rows that a job's cutoff leaves. @throws InputError where nothing is scored */
function readRows(each: EachRecord, job: Job, at: string): ReadRows | undefined {
  const { format } = each;
  if (format === undefined || each.rows.length === 0) return undefined;
  const whole = { ...each, format };
  const comparing = comparingOf(job);
  const cut = comparing === undefined ? cutToLength(whole, job.cutoffLength, at) : undefined;
  return { ...(cut ?? compareRows(whole, comparing!, job.cutoffLength, at)), whole };
}

/** Errors become problems. */
function attempt<T>(problems: RowProblem[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    problems.push(ofError(error));
    return undefined;
  }
}

/** Rows of a source that cannot be read. */
function refusedOf(each: EachRecord, { onBadRow }: FileData): readonly RowProblem[] {
  return refusedRows(skippedOf(each).skipped, each.numRecords, onBadRow);
}

/** Looks at workloads' jobs, whose data it reads once. */
class JobInspector {
  readonly #reader: RowReader;
  readonly #folder: string;
  readonly #joins: (readonly [readonly EachRecord[], EachRecord])[] = [];
  readonly #sources = new Map<string, InspectedRows & { readonly jobs: string[] }>();

  constructor(reader: RowReader, folder: string) {
    this.#reader = reader;
    this.#folder = folder;
  }

  get sources(): readonly InspectedRows[] {
    return [...this.#sources.values()];
  }

  async inspect(job: Job, index: number): Promise<InspectedJob> {
    const problems: RowProblem[] = [];
    const base = { name: job.name, cutoffLength: job.cutoffLength, evaluationFile: undefined };
    const none = { ...base, file: undefined, facts: undefined, run: undefined, problems };
    try {
      checkEvaluation(job, index);
      checkSample(job, index, this.#reader.context.mostTokens);
      if (isLengthData(job.data)) {
        const { rows, facts, problems: found } = loadLengths(job, job.data);
        return { ...none, facts, run: runOf(job, rows, facts.training.numKept), problems: found };
      }
      return { ...base, ...(await this.#inspectRows(job, index)) };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { ...none, problems: [ofError(error)] };
    }
  }

  async #inspectRows(job: Job, index: number): Promise<Omit<InspectedJob, "name" | "cutoffLength">> {
    const data = dataSetsOf(job.data);
    const sets: EachRecord[] = [];
    for (const [set, { weight: _, ...source }] of data.entries())
      sets.push(await this.#each(job, index, source, setPlace(job.data, set)));
    const own = this.#joined(sets);
    const otherData = job.evaluation?.data;
    const other =
      otherData === undefined || isLengthData(otherData)
        ? undefined
        : await this.#each(job, index, otherData, "evaluation.data");
    const problems: RowProblem[] = [
      ...data.flatMap((set, at) => toldFormat(set, sets[at]!)),
      ...ignoredColumns(own),
      ...[own, other].flatMap((each) => (each === undefined ? [] : remarkedRows(each))),
      ...data.flatMap((set, at) => refusedOf(sets[at]!, set)),
      ...(other === undefined ? [] : refusedOf(other, otherData as FileData)),
    ];
    const near = (file: string): string => placeText({ file }, this.#folder);
    const files = {
      file: sets.map(({ file }) => near(file)).join(", "),
      evaluationFile: other === undefined ? undefined : near(other.file),
    };
    const { format } = own;
    if (format === undefined || (other !== undefined && other.format === undefined))
      return { ...files, facts: undefined, run: undefined, problems };
    const counted = (each: EachRecord) => ({
      ...{ rows: each.rows, numJoined: each.numJoined, format: each.format!, tooLong: each.tooLong },
      ...(each.sets === undefined ? {} : { sets: each.sets }),
      numRefused: each.refused.length,
    });
    const cut = attempt(problems, () => ({
      rows: this.#rowsOf(sets, job, index),
      held: other === undefined ? undefined : readRows(other, job, `jobs[${index}].evaluation.data`),
    }));
    const { rows, held } = cut ?? {};
    if (job.loss !== undefined && rows === undefined) return { ...files, facts: undefined, run: undefined, problems };
    const facts =
      job.loss === undefined || rows === undefined
        ? jobFacts(job, counted(own), other === undefined ? undefined : counted(other))
        : comparedFacts(job, rows, held);
    const place =
      job.loss === undefined
        ? (pair: RowPair, which: "training" | "held out") => this.#places(pair, which, own, other)
        : undefined;
    problems.push(...rowProblems(job, index, facts, place));
    const prompts = await this.#prompts(job, index, sets[0]!.file, problems);
    const taken = attempt(problems, () =>
      rows === undefined || prompts === undefined ? undefined : takenRows(job, index, rows, held, prompts),
    );
    const run = taken === undefined ? undefined : runOf(job, taken, facts.training.numKept);
    const ofSets =
      taken === undefined
        ? []
        : setFacts(
            taken,
            data.map((set) => set.path),
          );
    return { ...files, facts, run, sets: ofSets, problems: [...problems, ...mixedSets(ofSets)] };
  }

  /** Sets one behind another; jobs with the same ones share them. */
  #joined(sets: readonly EachRecord[]): EachRecord {
    const known = this.#joins.find(
      ([of]) => of.length === sets.length && of.every((set, at) => set.rows === sets[at]!.rows),
    );
    if (known !== undefined) return known[1];
    const all = joinEach(sets);
    this.#joins.push([sets, all]);
    return all;
  }

  /** What the cutoff leaves of all sets. @throws InputError where it is nothing */
  #rowsOf(sets: readonly EachRecord[], job: Job, index: number): ReadRows | undefined {
    const read = sets.map((each, set) => readRows(each, job, `jobs[${index}].${setPlace(job.data, set)}`));
    if (read.some((rows) => rows === undefined)) return undefined;
    const all = joinRows(read as ReadRows[]);
    return isMixture(job.data) ? { ...all, shuffle: job.data.shuffle ?? true } : all;
  }

  /** Undefined where they cannot be answered. */
  async #prompts(job: Job, index: number, file: string, problems: RowProblem[]): Promise<readonly Row[] | undefined> {
    if (job.sample === undefined) return [];
    try {
      return await samplePrompts(job, index, file, this.#reader.context);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(ofError(error));
      return undefined;
    }
  }

  #places([row, trained]: RowPair, which: "training" | "held out", own: EachRecord, other: EachRecord | undefined) {
    const from = which === "training" ? own : (other ?? own);
    return [placeText(from.places[row]!, this.#folder), placeText(own.places[trained]!, this.#folder)] as const;
  }

  /** All records of a source, and the jobs that take them. */
  async #each(job: Job, index: number, data: FileData, where: string): Promise<EachRecord> {
    const read = await this.#reader.each(data, index, where, comparingOf(job));
    const each = eachInWindows(read, data, job.cutoffLength, `jobs[${index}].${where}`);
    const { shuffle: _, ...source } = data;
    const key = canonicalJson([source, job.cutoffLength]);
    const known = this.#sources.get(key);
    if (known === undefined)
      this.#sources.set(key, {
        ...{ name: placeText({ file: each.file }, this.#folder), cutoffLength: job.cutoffLength, jobs: [job.name] },
        read: (onRow) => tellRows(each, job.cutoffLength, this.#folder, onRow),
      });
    else if (known.jobs.at(-1) !== job.name) known.jobs.push(job.name);
    return each;
  }
}

/** Which answer a row is; the two of a pair come one after another. */
function nameOf({ format, rows }: EachRecord, at: number): RowName | undefined {
  if (format === "preference") return at % 2 === 0 ? "chosen" : "rejected";
  const { isDesirable } = rows[at]!;
  return isDesirable === undefined ? undefined : isDesirable ? "desirable" : "undesirable";
}

/** The same in windows, where texts are cut into such. @throws InputError for windows that cannot be */
function eachInWindows(each: EachRecord, data: FileData, cutoffLength: number, at: string): EachRecord {
  const { format } = each;
  const windows = format === undefined ? undefined : windowsOf(data, format, cutoffLength, at);
  if (windows === undefined) return each;
  const cut = windowRows(each.rows, windows);
  const { rows } = inWindows({ ...each, format: format! }, data, cutoffLength, at);
  const [places, numbers] = [cut.map(({ from }) => each.places[from]!), cut.map(({ from }) => each.numbers[from]!)];
  return { ...each, rows, places, numbers };
}

/** Rows in the order of the file, refused ones among them. */
function tellRows(each: EachRecord, cutoffLength: number, folder: string, onRow: (row: SeenRow) => void): RowFacts {
  const tally = new RowTally(cutoffLength);
  const order = [
    ...each.refused,
    ...each.rows.map((row, at) => ({
      number: each.numbers[at]!,
      place: each.places[at]!,
      row,
      name: nameOf(each, at),
    })),
  ].sort((a, b) => a.number - b.number);
  for (const one of order) {
    const at = placeText(one.place, folder);
    if ("error" in one) {
      tally.refuse();
      onRow({ at, fate: "refused", refused: refusalText(one.error, at) });
    } else {
      const about = one.name === undefined ? { at } : { at, name: one.name };
      onRow(tokenRow(tally, one.row, { ...each, format: each.format! }, about, one.name === "rejected"));
    }
  }
  return tally.facts();
}

/** Looks at all data of a workload. @throws InputError for a workload that is none, or without its model */
export async function inspectWorkload(context: Context, file: string, onRead?: TellBytes): Promise<InspectedWorkload> {
  const input = readInput(context, file, "a workload file");
  const given = parseWorkload(input.text, input.file);
  const source: ReadText = withSweeps(readText(input.text, input.file), given);
  try {
    const { workload, reader } = await openWorkload(given, path.dirname(input.file), false, onRead);
    const inspector = new JobInspector(reader, context.cwd);
    const jobs: InspectedJob[] = [];
    for (const [index, job] of workload.jobs.entries()) {
      const inspected = await inspector.inspect(job, index);
      jobs.push({ ...inspected, problems: inspected.problems.map((problem) => placed(problem, source)) });
    }
    const needs = jobs.some(({ facts, file: data }) => facts !== undefined && data !== undefined);
    return { file, jobs, sources: inspector.sources, reader, tokenizer: needs ? reader.tokenizer : undefined };
  } catch (error) {
    throw placeError(error, source);
  }
}

/** An error with the line of the workload that it is about. */
function placed(problem: RowProblem, source: ReadText): RowProblem {
  if (problem.error === undefined || problem.error.message !== problem.text) return problem;
  const error = placeError(problem.error, source);
  return error instanceof InputError ? ofError(error) : problem;
}

/** Problems of a severity, each once, with the names of the jobs that have it. */
export function problemsOf({ jobs }: InspectedWorkload, severity: RowProblem["severity"]): readonly string[] {
  return namedProblems(jobs, severity);
}

/** What is to be said of a workload that is checked. */
export interface CheckedWorkload {
  /** Undefined where something keeps it from being trained. */
  readonly loaded: LoadedWorkload | undefined;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  readonly remarks: readonly string[];
}

/** Whether rows are to be named, which are so only where each is looked at. */
function hasPairs({ firstRepeated, leaks }: JobFacts): boolean {
  return [firstRepeated, leaks?.firstSame, leaks?.firstSamePrompt].some((pair) => pair !== undefined);
}

/** Loads a workload, and says all that there is to say of its rows. @throws InputError for a workload that is none */
export async function checkWorkload(context: Context, file: string): Promise<CheckedWorkload> {
  let loaded: LoadedWorkload | undefined;
  try {
    loaded = await loadWorkload(context, file);
    if (!loaded.facts.some(hasPairs)) return { ...loaded, loaded, errors: [] };
  } catch (error) {
    if (!(error instanceof InputError) || isOverLimits(error)) throw error;
    const data = await inspectWorkload(context, file);
    // What is wrong is no row of it.
    if (problemsOf(data, "error").length === 0) throw error;
    return { loaded: undefined, ...allProblems(data) };
  }
  return { loaded, ...allProblems(await inspectWorkload(context, file)) };
}

function allProblems(data: InspectedWorkload): Omit<CheckedWorkload, "loaded"> {
  return {
    errors: problemsOf(data, "error"),
    warnings: problemsOf(data, "warning"),
    remarks: problemsOf(data, "remark"),
  };
}
