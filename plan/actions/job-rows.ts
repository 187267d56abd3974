import { createRng, InputError, type LazyList, lazyList, sum } from "../../core/index.ts";
import { type LengthData, MOST_ROWS } from "../documents/data.ts";
import { answersOf, hasReference, type LossSpec } from "../documents/loss.ts";
import type { ComparedRow } from "../documents/segment.ts";
import { type Evaluation, type Job, MOST_STEPS, type Sample } from "../documents/workload.ts";
import { heldOutCount } from "./evaluation.ts";
import { type Mixture, orderMixture, setsOfEpoch } from "./mixed-rows.ts";
import { orderRows, type RowOrderOptions } from "./order-rows.ts";
import { answeredTokens } from "./samples.ts";

/** Sizes of rows of data, once for all jobs that take them. */
export interface RowSizes {
  readonly tokens: readonly number[];
  readonly scored: readonly number[];
  /** By row, the answers in it; absent where the job's loss compares none. `tokens` and `scored` are then of all of them. */
  readonly compared?: readonly ComparedRow[];
}

/** What a job's rows follow from, beside the job. */
export interface RowSource {
  /** Of the job's data, and behind these of those that are for its evaluation alone. */
  readonly sizes: RowSizes;
  /** Of the job's data. */
  readonly numRows: number;
  readonly shuffle: boolean;
  /** Tokens of the prompts that it answers. */
  readonly prompts: readonly number[];
  /** Of a job with several data sets. */
  readonly mixture?: Mixture | undefined;
}

/** The training rows of a job as the planner needs them: lengths, and which rows each optimizer step takes. */
export interface JobRows extends RowSizes {
  /** sha256 of the rows' tokens and labels; null when only lengths are known. */
  readonly digest: string | null;
  /** sha256 of the adapter that the job starts from; absent for one that starts fresh. */
  readonly initDigest?: string;
  /** Row indices of each optimizer step, batchSize each. */
  readonly steps: LazyList<readonly number[]>;
  /** The job's step that the first of these is, from 0, where an earlier run has made those before it. */
  readonly firstStep?: number;
  /** What the job is evaluated on. */
  readonly evaluation?: EvaluationRows;
  /** Prompts that are answered. */
  readonly sample?: SampleRows;
  /** Rows of its data that cannot be read and are left out; absent for none. */
  readonly skipped?: number;
  /** What they follow from; absent where somebody has chosen them otherwise. */
  readonly source?: RowSource;
}

/** Prompts among the rows, which no step takes. */
export interface SampleRows extends EvaluationRows, Pick<Sample, "maxTokens"> {}

/** Held-out rows, which no step takes. */
export interface EvaluationRows extends Pick<Evaluation, "everySteps" | "base"> {
  /** Row indices, ascending. */
  readonly rows: readonly number[];
  /** Steps of the whole job: it is evaluated after the last of them, too. */
  readonly numSteps: number;
}

/** Rows of a job, divided: trained on, and evaluated on. */
export interface DividedRows {
  readonly training: readonly number[];
  readonly evaluation: readonly number[];
}

/**
 * Holds a share of a job's rows out. Which ones follows from their number alone, so that jobs with the same data are
 * evaluated on the same rows.
 */
export function holdOut({ share, maxRows }: Pick<Evaluation, "share" | "maxRows">, numRows: number): DividedRows {
  const rng = createRng(`held-out rows of ${numRows}`);
  const order = Array.from({ length: numRows }, (_, row) => row);
  const count = heldOutCount(share ?? 0, numRows, maxRows);
  for (let at = 0; at < count; at += 1) {
    const other = at + rng.nextInt(numRows - at);
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  const held = new Set(order.slice(0, count));
  const rows = Array.from({ length: numRows }, (_, row) => row);
  return { training: rows.filter((row) => !held.has(row)), evaluation: rows.filter((row) => held.has(row)) };
}

/** The same of each of several sets, numbered one behind another; of `maxRows` each has its part. */
function holdOutOfSets({ share, maxRows }: Evaluation, sets: readonly number[]): DividedRows {
  const all = sum(sets);
  let first = 0;
  const parts = sets.map((numRows) => {
    const most = maxRows === undefined ? undefined : Math.max(1, Math.floor((maxRows * numRows) / all));
    const { training, evaluation } = holdOut({ share, maxRows: most }, numRows);
    const placed = (rows: readonly number[]): readonly number[] => rows.map((row) => first + row);
    const own = { training: placed(training), evaluation: placed(evaluation) };
    first += numRows;
    return own;
  });
  return {
    training: parts.flatMap(({ training }) => training),
    evaluation: parts.flatMap(({ evaluation }) => evaluation),
  };
}

/**
 * The rows of a job with `numRows` of its own and `numOther` of data for its evaluation, numbered on behind them. `sets`:
 * rows of each set, where its data are several.
 */
export function divideRows(
  evaluation: Evaluation | undefined,
  numRows: number,
  numOther: number,
  sets: readonly number[] = [numRows],
): DividedRows {
  if (evaluation?.share !== undefined) return holdOutOfSets(evaluation, sets);
  const count = Math.min(numOther, evaluation?.maxRows ?? Number.POSITIVE_INFINITY);
  return {
    training: Array.from({ length: numRows }, (_, row) => row),
    evaluation: Array.from({ length: count }, (_, row) => numRows + row),
  };
}

/** By the sizes of rows: jobs with the same data and evaluation share them. */
const divided = new WeakMap<RowSizes, Map<string, DividedRows>>();

/** Rows that are trained on, and evaluated on. */
export function dividedRows({ evaluation }: Pick<Job, "evaluation">, source: RowSource): DividedRows {
  const { sizes, numRows, mixture } = source;
  const known = divided.get(sizes) ?? new Map<string, DividedRows>();
  divided.set(sizes, known);
  const sets = mixture?.numRows;
  const key = `${sets?.join() ?? numRows} ${evaluation?.share} ${evaluation?.maxRows} ${evaluation === undefined}`;
  const rows = known.get(key) ?? divideRows(evaluation, numRows, sizes.tokens.length - numRows, sets);
  known.set(key, rows);
  return rows;
}

/** The same where prompts are behind them. */
const prompted = new WeakMap<RowSizes, Map<string, RowSizes>>();

/** Sizes of rows, and behind them those of prompts, of which nothing is scored. */
function withPrompts(sizes: RowSizes, prompts: readonly number[]): RowSizes {
  if (prompts.length === 0) return sizes;
  const known = prompted.get(sizes) ?? new Map<string, RowSizes>();
  prompted.set(sizes, known);
  const all = known.get(prompts.join()) ?? {
    ...sizes,
    tokens: [...sizes.tokens, ...prompts],
    scored: [...sizes.scored, ...prompts.map(() => 0)],
  };
  known.set(prompts.join(), all);
  return all;
}

/** The rows of a job in the order in which its steps take them. @throws InputError for more steps than a job may take */
export function rowsInOrder(
  job: Pick<Job, "name" | "seed" | "batchSize" | "evaluation" | "sample"> & Partial<Pick<Job, "steps" | "epochs">>,
  source: RowSource,
  digest: string | null,
): JobRows {
  const { sizes, prompts } = source;
  const own = dividedRows(job, source);
  const steps = stepsOf(job, source, own.training);
  return {
    ...withPrompts(sizes, prompts),
    digest,
    steps,
    ...evaluationRows(job, own, steps.length),
    ...sampleRows(job, sizes.tokens.length, steps.length),
    source,
  };
}

/** The rows of a job's steps, of those that are trained on. @throws InputError for more than a job may take */
function stepsOf(
  job: Parameters<typeof rowsInOrder>[0],
  { numRows, shuffle, mixture }: RowSource,
  training: readonly number[],
): JobRows["steps"] {
  const { seed, batchSize } = job;
  const order = (rows: number): RowOrderOptions => ({ seed, shuffle, batchSize, steps: stepCount(job, rows) });
  if (mixture !== undefined) {
    const sets = bySet(training, mixture);
    const epoch = setsOfEpoch(
      sets.map((rows) => rows.length),
      mixture,
      seed,
    );
    return orderMixture(sets, epoch, order(epoch.length));
  }
  const taken = orderRows(training.length, order(training.length));
  if (training.length === numRows) return taken;
  return lazyList(taken.length, (step) => taken.at(step)!.map((at) => training[at]!));
}

/** Rows, ascending, by the set that they are of. */
export function bySet(rows: readonly number[], { numRows }: Pick<Mixture, "numRows">): readonly (readonly number[])[] {
  let [end, at] = [0, 0];
  return numRows.map((count) => {
    end += count;
    const first = at;
    while (at < rows.length && rows[at]! < end) at += 1;
    return rows.slice(first, at);
  });
}

/** What a job is evaluated on, with its number of steps; nothing for one without an evaluation. */
export function evaluationRows(
  { evaluation }: Pick<Job, "evaluation">,
  { evaluation: rows }: DividedRows,
  numSteps: number,
): Pick<JobRows, "evaluation"> {
  if (evaluation === undefined) return {};
  const { everySteps, base } = evaluation;
  return { evaluation: { rows, everySteps, numSteps, ...(base === true ? { base } : {}) } };
}

/** The prompts of a job: numbered on behind its other rows. */
export function sampleRows(
  { sample }: Pick<Job, "sample">,
  firstRow: number,
  numSteps: number,
): { readonly sample?: SampleRows } {
  if (sample === undefined) return {};
  const { prompts, everySteps, maxTokens } = sample;
  return { sample: { rows: prompts.map((_, index) => firstRow + index), everySteps, maxTokens, numSteps } };
}

export function isLengthData(data: Job["data"]): data is LengthData {
  return "lengths" in data;
}

function drawLengths(data: LengthData, seed: number): (index: number) => number {
  const { lengths } = data;
  if (typeof lengths === "number") return () => lengths;
  if (Array.isArray(lengths)) return (index) => lengths[index % lengths.length]!;
  const rng = createRng(`lengths ${seed}`);
  if (lengths.distribution === "uniform") return () => lengths.min + rng.nextInt(lengths.max - lengths.min + 1);
  const mu = Math.log(lengths.mean) - lengths.sigma ** 2 / 2;
  return () =>
    Math.min(lengths.max, Math.max(lengths.min, Math.round(Math.exp(mu + lengths.sigma * rng.nextNormal()))));
}

/**
 * Number of optimizer steps: as given, or whole passes over the rows, the last one filled up from the next.
 * @throws InputError for more steps or rows than a job may take
 */
export function stepCount(job: Pick<Job, "name" | "steps" | "epochs" | "batchSize">, numRows: number): number {
  const steps = job.steps ?? Math.ceil((numRows * (job.epochs ?? 1)) / job.batchSize);
  if (steps * job.batchSize > MOST_ROWS)
    throw new InputError({
      expected: `at most ${MOST_ROWS} rows in all steps of job ${job.name}`,
      got: `${steps} steps of ${job.batchSize}`,
    });
  if (steps > MOST_STEPS)
    throw new InputError({ expected: `at most ${MOST_STEPS} steps of job ${job.name}`, got: steps });
  return steps;
}

function countLengths({ lengths, samples }: LengthData): number {
  return Array.isArray(lengths) ? Math.max(samples, lengths.length) : samples;
}

function lengthsOf(data: LengthData, { seed, cutoffLength }: Pick<Job, "seed" | "cutoffLength">): readonly number[] {
  const draw = drawLengths(data, seed);
  return Array.from({ length: countLengths(data) }, (_, index) => Math.max(2, Math.min(draw(index), cutoffLength)));
}

/** What a job's cutoffLength takes of its lengths. */
interface LengthCut {
  readonly numRows: number;
  readonly numCut: number;
  readonly numTokens: number;
  readonly numTokensCut: number;
}

/** Undefined where nothing is cut. */
export function cutOfLengths({ seed, cutoffLength }: Job, data: LengthData): LengthCut | undefined {
  const { lengths } = data;
  const isLong = (length: number): boolean => length > cutoffLength;
  if (!(Array.isArray(lengths) ? lengths.some(isLong) : isLong(typeof lengths === "number" ? lengths : lengths.max)))
    return undefined;
  const draw = drawLengths(data, seed);
  const numRows = countLengths(data);
  let [numCut, numTokens, numTokensCut] = [0, 0, 0];
  for (let row = 0; row < numRows; row += 1) {
    const length = draw(row);
    numTokens += length;
    if (!isLong(length)) continue;
    numCut += 1;
    numTokensCut += length - cutoffLength;
  }
  return numCut === 0 ? undefined : { numRows, numCut, numTokens, numTokensCut };
}

/** Rows of a job of which only lengths are known: drawn by the job's seed, taken in order. */
export function lengthRows(job: Job, data: LengthData): JobRows {
  const own = lengthsOf(data, job);
  const other = job.evaluation?.data;
  const others = other !== undefined && isLengthData(other) ? lengthsOf(other, job) : [];
  const sizes = lengthSizes(job, [...own, ...others]);
  return rowsInOrder(job, { sizes, numRows: own.length, shuffle: false, prompts: promptLengths(job) }, null);
}

function lengthSizes({ loss }: Job, lengths: readonly number[]): RowSizes {
  if (loss === undefined) return { tokens: lengths, scored: lengths.map((length) => length - 1) };
  const compared = lengths.map((length) => ({
    answers: Array.from({ length: answersOf(loss) }, () => answerOf(length)),
    // Which label it is changes no size.
    ...(loss.kind === "kto" ? { isDesirable: true } : {}),
  }));
  return comparedSizes(loss, compared);
}

/** Of prompts of which only lengths are known, their tokens. */
function promptLengths({ sample }: Job): readonly number[] {
  return (sample?.prompts ?? []).filter((prompt) => typeof prompt === "number");
}

/** Of a length alone: half of it answers. */
function answerOf(length: number): [number, number, number] {
  const scored = Math.floor(length / 2);
  return [length, scored, length - scored];
}

/** Tokens whose mean loss is added to what a row compares: the chosen answer's, of ORPO its prompt's, too. */
export function likelihoodTokens({ kind }: LossSpec, { answers }: ComparedRow): number {
  const [, scored, prompt] = answers[0]!;
  return kind === "orpo" ? prompt - 1 + scored : scored;
}

/** The sizes of rows whose answers a loss compares: with the base's answers where it has them. */
export function comparedSizes(loss: LossSpec, compared: readonly ComparedRow[]): RowSizes {
  const times = hasReference(loss) ? 2 : 1;
  return {
    tokens: compared.map(({ answers }) => times * sum(answers.map(([tokens]) => tokens))),
    scored: compared.map(
      (row) => times * (likelihoodTokens(loss, row) + sum(row.answers.slice(1).map(([, scored]) => scored))),
    ),
    compared,
  };
}

/** Tokens of all rows that a job takes in its steps. */
export function tokensOf(rows: JobRows, numSteps = rows.steps.length): number {
  let tokens = 0;
  for (let step = 0; step < numSteps; step += 1) for (const row of rows.steps.at(step)!) tokens += rows.tokens[row]!;
  return tokens;
}

/** A forward's time, of that of forward and backward, about. */
const FORWARD_SHARE = 1 / 3;

/** The same, with what the job is evaluated on, and answers, in these steps counted by how long it takes. */
export function weighedTokens(rows: JobRows, numSteps = rows.steps.length): number {
  const trained = tokensOf(rows, numSteps);
  const { evaluation, sample } = rows;
  const timesOf = ({ everySteps, numSteps: all }: EvaluationRows): number =>
    Math.floor(numSteps / everySteps) + (numSteps === all && numSteps % everySteps !== 0 ? 1 : 0);
  const tokensIn = (some: EvaluationRows): number => sum(some.rows.map((row) => rows.tokens[row]!));
  const evaluated =
    evaluation === undefined ? 0 : tokensIn(evaluation) * (timesOf(evaluation) + (evaluation.base === true ? 1 : 0));
  const sampled = sample === undefined ? 0 : answeredTokens(tokensIn(sample), sample.maxTokens) * timesOf(sample);
  return trained + FORWARD_SHARE * (evaluated + sampled);
}
