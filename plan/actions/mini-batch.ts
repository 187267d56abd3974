import { sum } from "../../core/index.ts";
import { comparesWithStart } from "../documents/loss.ts";
import type { MicroBatch, PlannedGroup, PlannedJob, PlannedRow, Work } from "../documents/segment.ts";
import type { Room } from "../documents/setting.ts";
import { isSample, sampleRoom } from "./samples.ts";

/** Which mini-batch of which group. */
export interface MiniBatchKey {
  readonly group: number;
  readonly step: number;
}

/** The micro-batches between two optimizer steps of one group. */
export interface MiniBatch extends MiniBatchKey {
  /** Micro-batch indices, ascending. */
  readonly microBatches: readonly number[];
  /** Micro-batches of held-out rows that are evaluated once it has been updated; absent for none. */
  readonly evaluation?: readonly number[];
}

/** Mini-batches by [group][step]. */
export function miniBatches(plan: {
  readonly groups: readonly unknown[];
  readonly microBatches: readonly Pick<MicroBatch, "index" | "group" | "step" | "evaluation">[];
}): readonly (readonly MiniBatch[])[] {
  const table: OpenMiniBatch[][] = plan.groups.map(() => []);
  for (const microBatch of plan.microBatches) {
    const { group, step } = microBatch;
    const steps = table[group]!;
    steps[step] ??= { group, step, microBatches: [] };
    addTo(steps[step], microBatch);
  }
  return table;
}

/** A mini-batch whose micro-batches are not all known. */
export interface OpenMiniBatch extends MiniBatchKey {
  readonly microBatches: number[];
  evaluation?: number[];
}

export function addTo(miniBatch: OpenMiniBatch, { index, evaluation }: Pick<MicroBatch, "index" | "evaluation">): void {
  if (evaluation !== true) miniBatch.microBatches.push(index);
  else {
    miniBatch.evaluation ??= [];
    miniBatch.evaluation.push(index);
  }
}

/** A run of neighbouring rows of one job inside a micro-batch. */
export interface JobSegment {
  readonly job: number;
  readonly tokens: number;
  readonly scored: number;
  /** Scored tokens without a gradient: of the base's answers, and of those to other prompts. */
  readonly ungraded: number;
  /** Token counts of its sequences. */
  readonly lengths: readonly number[];
  /** Tokens that its adapter is on: not those of answers of a reference, with which a loss may compare its own. */
  readonly adapterTokens: number;
}

export function microBatchTokens(microBatch: Pick<MicroBatch, "rows">): number {
  let tokens = 0;
  for (const row of microBatch.rows) tokens += row[2];
  return tokens;
}

/** Tokens of a row's sequences, those that the base has once more aside. */
function ownLengths([, , tokens, , compared]: PlannedRow): readonly number[] {
  return compared === undefined ? [tokens] : compared.answers.map(([length]) => length);
}

/** Of these, those that its job's adapter is on. */
function adapterLengths(row: PlannedRow): readonly number[] {
  return row[4]?.base === true ? [] : ownLengths(row);
}

/** Tokens that a micro-batch's backward goes through: those behind which adapters are. */
export function trainedTokens({ rows }: Pick<MicroBatch, "rows">): number {
  let tokens = 0;
  for (const row of rows) for (const length of adapterLengths(row)) tokens += length;
  return tokens;
}

/** Tokens of a forward's segment that an adapter is on: those of a reference that has one, too. */
export function adaptedTokens(
  { tokens, adapterTokens }: Pick<JobSegment, "tokens" | "adapterTokens">,
  { loss }: Pick<PlannedJob, "loss">,
): number {
  return comparesWithStart(loss) ? tokens : adapterTokens;
}

/** The most tokens of a micro-batch, and of a row, and samples among them: what layouts are made for. */
export function largestSizes(
  microBatches: readonly Pick<MicroBatch, "rows">[],
): Pick<Room, "maxTokens" | "maxSequence" | "sample"> {
  let maxTokens = 0;
  let maxSequence = 0;
  for (const microBatch of microBatches) {
    if (isSample(microBatch)) continue;
    maxTokens = Math.max(maxTokens, microBatchTokens(microBatch));
    for (const row of microBatch.rows) maxSequence = Math.max(maxSequence, ...ownLengths(row));
  }
  return { maxTokens, maxSequence, ...sampleRoom(microBatches) };
}

/** Scored tokens of a row through which a gradient goes back. */
function gradedTokens([, , tokens, scored, compared]: PlannedRow): number {
  if (compared === undefined) return scored;
  const { answers, isDesirable, part, base } = compared;
  if (part === "other" || base === true) return 0;
  if (isDesirable !== undefined) return answers[0]![1];
  return tokens > sum(answers.map(([length]) => length)) ? scored / 2 : scored;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** One segment for each job of the micro-batch, in job order. A backward has none of the base's answers. */
export function jobSegments(microBatch: Pick<MicroBatch, "rows">, isBackward = false): readonly JobSegment[] {
  const segments: (Omit<Mutable<JobSegment>, "lengths"> & { lengths: number[] })[] = [];
  for (const row of microBatch.rows) {
    const [job, , tokens, scored] = row;
    const own = adapterLengths(row);
    const ownTokens = own.length === 1 ? own[0]! : own.reduce((sum, length) => sum + length, 0);
    let last = segments[segments.length - 1];
    if (last?.job !== job) {
      last = { job, tokens: 0, scored: 0, ungraded: 0, lengths: [], adapterTokens: 0 };
      segments.push(last);
    }
    last.tokens += isBackward ? ownTokens : tokens;
    last.scored += scored;
    last.ungraded += scored - gradedTokens(row);
    last.lengths.push(...own);
    last.adapterTokens += ownTokens;
    if (!isBackward && tokens > ownTokens) last.lengths.push(...ownLengths(row));
  }
  return segments;
}

/** Names of the jobs with rows in the micro-batch, in job order. */
export function microBatchJobs(
  microBatch: Pick<MicroBatch, "rows">,
  jobs: readonly Pick<PlannedJob, "name">[],
): readonly string[] {
  return jobSegments(microBatch).map((segment) => jobs[segment.job]!.name);
}

/** A table by number, of which some may not be there any more. */
export type Numbered<T> = Readonly<Record<number, T>>;

/** Members of a group that still train in the group's step `step`. */
export function activeMembers(groups: Numbered<PlannedGroup>, group: number, step: number): PlannedGroup["members"] {
  return groups[group]!.members.filter(({ firstStep, endStep }) => firstStep + step < endStep);
}

/** The jobs of a group that still train in its step `step`. */
export function activeJobs(
  { groups }: { readonly groups: Numbered<PlannedGroup> },
  group: number,
  step: number,
): readonly number[] {
  return activeMembers(groups, group, step).map(({ job }) => job);
}

/** The step of a job that a group's step is; the job is one of its members. */
export function jobStep(groups: Numbered<PlannedGroup>, job: number, { group, step }: MiniBatchKey): number {
  return groups[group]!.members.find((member) => member.job === job)!.firstStep + step;
}

/** Indices of a group's jobs. */
export function jobsOfGroup({ members }: Pick<PlannedGroup, "members">): readonly number[] {
  return members.map(({ job }) => job);
}

/** The rows that a group trains on, by its step and part. */
export function groupRows(
  microBatches: readonly MicroBatch[],
  group: number,
): readonly (readonly MicroBatch["rows"][])[] {
  return rowsByStep(microBatches, group, false);
}

/** The rows that a group is evaluated on after its steps; a step without any has no entry. */
export function groupEvaluations(
  microBatches: readonly MicroBatch[],
  group: number,
): readonly (readonly MicroBatch["rows"][] | undefined)[] {
  return rowsByStep(microBatches, group, true);
}

function rowsByStep(microBatches: readonly MicroBatch[], group: number, evaluation: boolean): MicroBatch["rows"][][] {
  const steps: MicroBatch["rows"][][] = [];
  for (const microBatch of microBatches) {
    if (microBatch.group !== group || (microBatch.evaluation ?? false) !== evaluation) continue;
    steps[microBatch.step] ??= [];
    steps[microBatch.step]!.push(microBatch.rows);
  }
  return steps;
}

/** Whether any jobs share micro-batches. */
export function isFused({ groups }: Pick<Work, "groups">): boolean {
  return groups.some(({ members }) => members.length > 1);
}
