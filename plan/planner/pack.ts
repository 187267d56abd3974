import { InputError } from "../../core/index.ts";
import { evaluatesAfter } from "../actions/evaluation.ts";
import type { JobRows } from "../actions/job-rows.ts";
import { MOST_SEQUENCES, sampledSequences } from "../actions/samples.ts";
import type { MicroBatch, PlannedRow } from "../documents/segment.ts";

/**
 * How a job's mini-batches are cut into micro-batches: at most so many rows, and at most so many tokens, each where
 * given.
 */
export interface Cut {
  readonly microBatchSize?: number | undefined;
  readonly microBatchTokens?: number | undefined;
}

/** Whether a job leaves it to the planner. */
export function leavesCutOpen({ microBatchSize, microBatchTokens }: Cut): boolean {
  return microBatchSize === undefined && microBatchTokens === undefined;
}

export interface PackedJob {
  readonly rows: JobRows;
  readonly cut: Cut;
}

/** Rows of each part when every part takes as many of the next rows as the bounds allow, at least one. */
function filledParts(lengths: readonly number[], tokens: number, rows: number): readonly number[] {
  const parts: number[] = [];
  let held = 0;
  let sum = 0;
  for (const length of lengths) {
    if (held > 0 && (held === rows || sum + length > tokens)) {
      parts.push(held);
      held = 0;
      sum = 0;
    }
    held += 1;
    sum += length;
  }
  parts.push(held);
  return parts;
}

/**
 * Rows of each part of a mini-batch, in order: a row stays where the data have it, so that its number in the
 * mini-batch, and with it its dropout, does not depend on the cut. With a bound on tokens there are as few parts as it
 * allows, and the longest is as short as that many parts allow; a row that is longer than the bound is a part of its
 * own. Without one every part has `microBatchSize` rows.
 */
export function cutRows(lengths: readonly number[], { microBatchSize, microBatchTokens }: Cut): readonly number[] {
  const rows = microBatchSize ?? Number.POSITIVE_INFINITY;
  if (microBatchTokens === undefined) return filledParts(lengths, Number.POSITIVE_INFINITY, rows);
  let high = microBatchTokens;
  const fewest = filledParts(lengths, high, rows).length;
  let tooLow = 0;
  while (high - tooLow > 1) {
    const middle = (tooLow + high) >> 1;
    if (filledParts(lengths, middle, rows).length === fewest) high = middle;
    else tooLow = middle;
  }
  return filledParts(lengths, high, rows);
}

/** A job in a group whose rows are packed: of its rows' steps it begins with `firstStep`. */
export interface PackedMember {
  readonly job: number;
  readonly firstStep: number;
  readonly packed: PackedJob;
}

/**
 * The parts of a group's mini-batch: as many as its job with the most; jobs with fewer are in the first ones only, and
 * jobs that have ended are left out.
 */
export function partsOfStep(members: readonly PackedMember[], step: number): readonly PlannedRow[][] {
  return partsOf(members, ({ firstStep, packed }) => packed.rows.steps.at(firstStep + step), true);
}

/**
 * The prompts that a job answers after its step `step`, from 0; undefined for none. The first time the base answers them
 * too: its answers stay the same.
 */
function promptsAfter(job: number, { sample, tokens }: JobRows, step: number): PlannedRow[] | undefined {
  if (sample === undefined || !evaluatesAfter(sample, step, sample.numSteps)) return undefined;
  const isFirst = step < sample.everySteps;
  return sample.rows.map((row): PlannedRow => {
    const length = tokens[row]!;
    return [
      job,
      row,
      isFirst ? 2 * length : length,
      0,
      { answers: [[length, 0, length]], generates: sample.maxTokens },
    ];
  });
}

/** Prompts, cut into micro-batches that are answered together. */
function sampleParts(rows: readonly PlannedRow[]): PlannedRow[][] {
  const parts: PlannedRow[][] = [];
  let sequences = MOST_SEQUENCES;
  for (const row of rows) {
    const own = sampledSequences({ rows: [row] }).length;
    if (sequences + own > MOST_SEQUENCES) {
      parts.push([]);
      sequences = 0;
    }
    parts.at(-1)!.push(row);
    sequences += own;
  }
  return parts;
}

/** A held-out row as the base alone is evaluated on it. */
function baseRow([job, row, tokens, scored]: PlannedRow): PlannedRow {
  return [job, row, tokens, scored, { answers: [[tokens, scored, tokens - scored]], base: true }];
}

/**
 * The parts of the evaluation after a group's step: the held-out rows of its jobs that are evaluated then, behind them
 * those rows under the base alone, the first time where that is asked for, and the prompts of those that answer some; or
 * none.
 */
export function partsOfEvaluation(members: readonly PackedMember[], step: number): readonly PlannedRow[][] {
  const rowsOf = ({ firstStep, packed: { rows } }: PackedMember): readonly number[] | undefined => {
    const { evaluation, steps } = rows;
    const at = firstStep + step;
    const own = (rows.firstStep ?? 0) + at;
    const isDue = evaluation !== undefined && at < steps.length && evaluatesAfter(evaluation, own, evaluation.numSteps);
    return isDue ? evaluation.rows : undefined;
  };
  const asksBase = ({ firstStep, packed: { rows } }: PackedMember): boolean =>
    rows.evaluation?.base === true && (rows.firstStep ?? 0) + firstStep + step < rows.evaluation.everySteps;
  const prompts = members.flatMap(({ job, firstStep, packed: { rows } }) => {
    const at = firstStep + step;
    return at < rows.steps.length ? (promptsAfter(job, rows, (rows.firstStep ?? 0) + at) ?? []) : [];
  });
  const evaluated = partsOf(members, rowsOf, false);
  const bases = partsOf(members.filter(asksBase), rowsOf, false).map((rows) => rows.map(baseRow));
  return [...evaluated, ...bases, ...sampleParts(prompts)];
}

/** A row of a job's data as a plan has it. */
function plannedRow(job: number, { tokens, scored, compared }: JobRows, row: number): PlannedRow {
  const own = compared?.[row];
  return own === undefined ? [job, row, tokens[row]!, scored[row]!] : [job, row, tokens[row]!, scored[row]!, own];
}

/** A row with one of its answers alone, which the reference has, too. */
function rowPart([job, row, , , compared]: PlannedRow, part: "other" | "own"): PlannedRow {
  const { answers, isDesirable } = compared!;
  const [length, scored, prompt] = answers[part === "own" ? 0 : 1]!;
  const label = part === "own" && isDesirable !== undefined ? { isDesirable } : {};
  return [job, row, 2 * length, 2 * scored, { answers: [[length, scored, prompt]], ...label, part }];
}

/** Whether rows are compared with answers to each other's prompts, of which all come before the gradient of any. */
function comparesOthers([, , , , compared]: PlannedRow): boolean {
  return compared?.isDesirable !== undefined && compared.answers.length > 1;
}

/** The parts of a job's rows of a step. */
function cutStep(rows: readonly PlannedRow[], cut: Cut, isTrained: boolean): readonly (readonly PlannedRow[])[] {
  const cutInto = (own: readonly PlannedRow[]): readonly (readonly PlannedRow[])[] => {
    let next = 0;
    return cutRows(
      own.map(([, , tokens]) => tokens),
      cut,
    ).map((count) => {
      next += count;
      return own.slice(next - count, next);
    });
  };
  const whole = cutInto(rows);
  if (!isTrained || whole.length === 1 || !rows.some(comparesOthers)) return whole;
  return (["other", "own"] as const).flatMap((part) => cutInto(rows.map((row) => rowPart(row, part))));
}

function partsOf(
  members: readonly PackedMember[],
  rowsOf: (member: PackedMember) => readonly number[] | undefined,
  isTrained: boolean,
): readonly PlannedRow[][] {
  const parts: PlannedRow[][] = [];
  for (const member of members) {
    const { job, packed } = member;
    const { rows: source, cut } = packed;
    const taken = rowsOf(member);
    if (taken === undefined) continue;
    const rows = taken.map((row) => plannedRow(job, source, row));
    cutStep(rows, cut, isTrained).forEach((own, part) => {
      parts[part] ??= [];
      parts[part].push(...own);
    });
  }
  return parts;
}

function tooMany(most: number, about: number): InputError {
  return new InputError({
    expected: `a plan of at most ${Math.floor(most)} micro-batches on its stages, which is what memory has room for`,
    got: `some ${Number(about.toPrecision(2))}`,
    hint: "Fewer steps, or larger micro-batches. `loratwin serve` plans while it trains, and has no such limit.",
  });
}

/**
 * The micro-batch table: step by step, group by group, part by part, numbered in that order, those of an evaluation
 * behind those of its step.
 * A group's mini-batch comes after its last one, which ends with the backward of its last part, or of its first where
 * the schedule reverses backwards.
 * @throws InputError for more than `most` micro-batches
 */
export function packMicroBatches(
  jobs: readonly PackedJob[],
  groups: readonly (readonly number[])[],
  reversesBackwards: boolean,
  most = Number.POSITIVE_INFINITY,
): readonly MicroBatch[] {
  const table: MicroBatch[] = [];
  const after: number[][] = groups.map(() => []);
  const steps = Math.max(...jobs.map(({ rows }) => rows.steps.length));
  for (let step = 0; step < steps; step += 1) {
    if (table.length > most) throw tooMany(most, (table.length * steps) / step);
    groups.forEach((members, group) => {
      const packed = members.map((job) => ({ job, firstStep: 0, packed: jobs[job]! }));
      const parts = partsOfStep(packed, step);
      if (parts.length === 0) return;
      const first = table.length;
      parts.forEach((rows, part) => {
        table.push({ index: table.length, group, step, part, after: after[group]!, rows });
      });
      after[group] = [reversesBackwards ? first : table.length - 1];
      partsOfEvaluation(packed, step).forEach((rows, part) => {
        table.push({ index: table.length, group, step, part, evaluation: true, after: after[group]!, rows });
      });
    });
  }
  return table;
}
