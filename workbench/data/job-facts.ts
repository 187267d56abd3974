import { canonicalJson, sum } from "../../core/index.ts";
import { cutRow, type Dataset, datasetDigest, NOT_SCORED, type Row, type WholeRows } from "../../datasets/index.ts";
import { bySet, cutOfLengths, divideRows, isLengthData, type Job, type JobRows } from "../../plan/index.ts";
import { DigestSet } from "./digest-set.ts";
import { type AboutRows, type RowFacts, RowTally } from "./row-tally.ts";

/** Two rows by their numbers in what was read, from 0. */
export type RowPair = readonly [row: number, other: number];

/** What of the held-out rows is also trained on. */
export interface Leaks {
  /** Held-out rows that are trained on, token by token; the first of them, and the row that is trained on. */
  readonly numSame: number;
  readonly firstSame: RowPair | undefined;
  /** Further ones whose prompt is trained on, with another answer. */
  readonly numSamePrompt: number;
  readonly firstSamePrompt: RowPair | undefined;
}

/** Rows of a job before they are trained on: what becomes of them, and of those that it is evaluated on. */
export interface JobFacts {
  readonly training: RowFacts;
  /** The first row that is the same as an earlier one, and that one. */
  readonly firstRepeated: RowPair | undefined;
  readonly heldOut: RowFacts | undefined;
  readonly leaks: Leaks | undefined;
}

/** A source's rows, and how many of its records make none. */
export interface SourceRows extends Pick<WholeRows, "rows" | "numJoined" | "format" | "tooLong" | "sets"> {
  readonly numRefused?: number;
  readonly skipped?: WholeRows["skipped"];
}

/** The tokens in front of the first that is scored; undefined where there is hardly one. */
function promptOf({ inputIds, labels }: Row): Row | undefined {
  let end = 1;
  while (end < labels.length && labels[end] === NOT_SCORED) end += 1;
  // One alone is that with which every text begins.
  if (end < 2 || end === labels.length) return undefined;
  const prompt = inputIds.subarray(0, end);
  return { inputIds: prompt, labels: prompt };
}

function promptDigest(row: Row): string | undefined {
  const prompt = promptOf(row);
  return prompt === undefined ? undefined : datasetDigest([prompt]);
}

function isSame(a: Row, b: Row): boolean {
  return (["inputIds", "labels"] as const).every(
    (key) => a[key].length === b[key].length && a[key].every((value, at) => value === b[key][at]),
  );
}

/** Held-out rows that are trained on, and those whose prompt is, where prompts tell rows apart. */
function leaksOf(
  rows: readonly Row[],
  training: readonly number[],
  held: readonly Row[],
  at: readonly number[],
): Leaks {
  const [whole, prompts] = [new Map<string, number[]>(), new Map<string, number[]>()];
  const put = (map: Map<string, number[]>, key: string, row: number): void => {
    const found = map.get(key);
    if (found === undefined) map.set(key, [row]);
    else found.push(row);
  };
  for (const row of at) {
    put(whole, datasetDigest([held[row]!]), row);
    const prompt = promptDigest(held[row]!);
    if (prompt !== undefined) put(prompts, prompt, row);
  }
  const [same, samePrompt] = [new Map<number, number>(), new Map<number, number>()];
  const differing = new DigestSet();
  let [numPrompts, numDifferent] = [0, 0];
  for (const row of training) {
    for (const other of whole.get(datasetDigest([rows[row]!])) ?? []) if (!same.has(other)) same.set(other, row);
    const prompt = promptDigest(rows[row]!);
    if (prompt === undefined) continue;
    numPrompts += 1;
    if (!differing.add(prompt)) numDifferent += 1;
    for (const other of prompts.get(prompt) ?? []) if (!samePrompt.has(other)) samePrompt.set(other, row);
  }
  for (const row of same.keys()) samePrompt.delete(row);
  // Otherwise it is an instruction that many rows share.
  if (2 * numDifferent < numPrompts) samePrompt.clear();
  const first = (map: ReadonlyMap<number, number>): RowPair | undefined => {
    const row = at.find((each) => map.has(each));
    return row === undefined ? undefined : [row, map.get(row)!];
  };
  return {
    ...{ numSame: same.size, firstSame: first(same) },
    ...{ numSamePrompt: samePrompt.size, firstSamePrompt: first(samePrompt) },
  };
}

/** By row, how its set is cut. */
function aboutRow({ sets, format, tooLong }: SourceRows): (row: number) => AboutRows {
  if (sets === undefined) return () => ({ format, tooLong });
  const abouts = sets.flatMap((set) => set.rows.map(() => set));
  return (row) => abouts[row]!;
}

/** The numbers of rows that are kept at a cutoff. */
function keptRows(source: SourceRows, cutoffLength: number): readonly number[] {
  const about = aboutRow(source);
  return source.rows.flatMap((row, at) => (cutRow(row, about(at), cutoffLength).leftOut === undefined ? [at] : []));
}

/** Of rows, ascending, how many each set has. */
function countBySet(
  rows: readonly number[],
  {
    rows: all,
    sets = [{ rows: all }],
  }: { readonly rows: readonly Row[]; readonly sets?: readonly { readonly rows: readonly Row[] }[] | undefined },
): readonly number[] {
  return bySet(rows, { numRows: sets.map((set) => set.rows.length) }).map((own) => own.length);
}

/** Counts some of the rows; returns the first that is the same as an earlier one, too. */
function tally(source: SourceRows, cutoffLength: number, isOf: (row: number) => boolean) {
  const { rows, numJoined, numRefused = source.skipped?.count ?? 0 } = source;
  const counts = new RowTally(cutoffLength);
  const about = aboutRow(source);
  let repeated: number | undefined;
  for (let refused = 0; refused < numRefused; refused += 1) counts.refuse();
  rows.forEach((row, at) => {
    if (isOf(at) && counts.add(row, about(at)).isRepeated) repeated ??= at;
  });
  const firstRepeated: RowPair | undefined =
    repeated === undefined
      ? undefined
      : [repeated, rows.findIndex((row, at) => isOf(at) && isSame(row, rows[repeated!]!))];
  return { facts: { ...counts.facts(), numJoined }, firstRepeated };
}

function countRows(job: Job, own: SourceRows, other: SourceRows | undefined): JobFacts {
  const { evaluation, cutoffLength } = job;
  const all = (): boolean => true;
  if (evaluation === undefined) {
    const { facts, firstRepeated } = tally(own, cutoffLength, all);
    return { training: facts, firstRepeated, heldOut: undefined, leaks: undefined };
  }
  const kept = keptRows(own, cutoffLength);
  const keptOther = other === undefined ? [] : keptRows(other, cutoffLength);
  const divided = divideRows(evaluation, kept.length, keptOther.length, countBySet(kept, own));
  const training = divided.training.map((row) => kept[row]!);
  const held = divided.evaluation.map((row) => (other === undefined ? kept[row]! : keptOther[row - kept.length]!));
  const isHeld = new Set(held);
  // What is refused or has tokens across the border is counted once, with the rows that are trained on.
  const source = other ?? { ...own, numJoined: 0, numRefused: 0 };
  const last = held.at(-1) ?? -1;
  const ofTraining = tally(own, cutoffLength, other === undefined ? (row) => !isHeld.has(row) : all);
  return {
    ...{ training: ofTraining.facts, firstRepeated: ofTraining.firstRepeated },
    heldOut: tally(source, cutoffLength, other === undefined ? (row) => isHeld.has(row) : (row) => row <= last).facts,
    leaks: leaksOf(own.rows, training, source.rows, held),
  };
}

/** Jobs share their rows. */
const known = new WeakMap<readonly Row[], Map<string, JobFacts>>();

/** What becomes of a job's rows, and of those of its evaluation, where these have data of their own. */
export function jobFacts(job: Job, own: SourceRows, other: SourceRows | undefined): JobFacts {
  const { cutoffLength, evaluation } = job;
  const key = canonicalJson([
    ...[cutoffLength, evaluation?.share ?? null, evaluation?.maxRows ?? null],
    ...[evaluation?.data ?? null, evaluation === undefined],
  ]);
  const facts = known.get(own.rows) ?? new Map<string, JobFacts>();
  known.set(own.rows, facts);
  const found = facts.get(key) ?? countRows(job, own, other);
  facts.set(key, found);
  return found;
}

/** The same of a job whose loss compares answers: each row has all that are compared. */
export function comparedFacts(job: Job, own: Dataset & Pick<WholeRows, "sets">, other: Dataset | undefined): JobFacts {
  // They are cut already, answer by answer.
  const whole = (dataset: Dataset & Pick<WholeRows, "sets">): SourceRows => ({
    ...{ rows: dataset.rows, numJoined: dataset.numJoined, format: "preference", tooLong: "cut" },
    numRefused: dataset.skipped?.count ?? 0,
    ...(dataset.sets === undefined
      ? {}
      : { sets: dataset.sets.map(({ rows }) => ({ rows, format: "preference" as const, tooLong: "cut" as const })) }),
  });
  const facts = jobFacts({ ...job, cutoffLength: 2 ** 30 }, whole(own), other === undefined ? undefined : whole(other));
  const withLost = (of: RowFacts, { numCut, numDropped }: Dataset): RowFacts => {
    const [numRecords, numRows] = [of.numRecords + numDropped, of.numRows + numDropped];
    return { ...of, numRecords, numRows, numCut, numDropped };
  };
  return {
    ...facts,
    training: withLost(facts.training, own),
    heldOut: facts.heldOut === undefined || other === undefined ? facts.heldOut : withLost(facts.heldOut, other),
  };
}

/** The same of a job of which only lengths are known. */
export function lengthFacts(job: Job, { tokens, scored, evaluation }: JobRows): JobFacts {
  const held = new Set(evaluation?.rows);
  const of = (isHeld: boolean): RowFacts => {
    const counts = new RowTally(job.cutoffLength);
    for (let row = 0; row < tokens.length; row += 1)
      if (held.has(row) === isHeld) counts.addLength(tokens[row]!, scored[row]!);
    return counts.facts();
  };
  const cut = isLengthData(job.data) ? cutOfLengths(job, job.data) : undefined;
  const lost = cut === undefined ? {} : { numCut: cut.numCut, numTokensCut: cut.numTokensCut };
  return {
    training: { ...of(false), ...lost },
    ...{ firstRepeated: undefined, heldOut: evaluation === undefined ? undefined : of(true), leaks: undefined },
  };
}

/** One of several data sets of a job. */
export interface SetFacts {
  readonly file: string;
  readonly numRows: number;
  /** Of these. */
  readonly numHeldOut: number;
  readonly tokens: number;
  /** Of the tokens that all steps take together. */
  readonly share: number;
}

/** Each of a job's data sets, by their files; none of a job with one. */
export function setFacts(
  { tokens, steps, evaluation, source }: JobRows,
  files: readonly string[],
): readonly SetFacts[] {
  const mixture = source?.mixture;
  if (mixture === undefined) return [];
  const setOf = mixture.numRows.flatMap((rows, set) => Array.from({ length: rows }, () => set));
  const [own, taken] = [files.map(() => 0), files.map(() => 0)];
  for (const [row, set] of setOf.entries()) own[set]! += tokens[row]!;
  for (let step = 0; step < steps.length; step += 1)
    for (const row of steps.at(step)!) taken[setOf[row]!]! += tokens[row]!;
  const heldOut = bySet(evaluation?.rows ?? [], mixture);
  return files.map((file, set) => ({
    ...{ file, numRows: mixture.numRows[set]!, numHeldOut: heldOut[set]!.length, tokens: own[set]! },
    share: taken[set]! / sum(taken),
  }));
}
