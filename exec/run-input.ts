import { canonicalJson, InputError, InvariantError, ownValue, sum } from "../core/index.ts";
import { countScored, NOT_SCORED, type Row } from "../datasets/index.ts";
import type { Bindings, Handle, PreferenceTerm, Segment } from "../native/index.ts";
import {
  type MicroBatch,
  microBatchTokens,
  type Plan,
  type PlannedJob,
  type PlannedRow,
  trainedTokens,
} from "../plan/index.ts";
import { answerAt, comparedRow, partOfRow } from "./compared-row.ts";
import { type LossPart, type LossParts, lossParts } from "./loss-parts.ts";
import type { JobShare, MiniBatchFacts } from "./mini-batch-facts.ts";
import { preferenceTerms } from "./preference-terms.ts";

/** Positions get this many low bits of a row key, the row's number in the mini-batch the bits above. */
const POSITION_BITS = 20;

/** What a micro-batch feeds to its runs; places in the arena come from the schedule. */
export type RunInput = Pick<
  Bindings,
  "rows" | "stashRows" | "ids" | "targets" | "sequences" | "segments" | "losses" | "preferences" | "rowKeys"
>;

/** Two words that differ for each job seed and step. */
function dropoutSeed({ seed }: PlannedJob, step: number): readonly [number, number] {
  return [(seed ^ Math.floor(seed / 2 ** 32)) >>> 0, step >>> 0];
}

/** Where a micro-batch's rows come from. */
export interface RowSource {
  jobOf(job: number): PlannedJob;
  /** A job's row. */
  rowOf(job: number, row: number): Row | undefined;
  adapterOf(job: number): Handle;
  /** What its answers are compared with; undefined for the base. */
  referenceOf(job: number): Handle | undefined;
  /** What earlier micro-batches have said of `kl` of its step; undefined where none has to. */
  divergenceOf(job: number): number | undefined;
}

/** A row of the data, as its micro-batch has it. @throws InvariantError when it is not as long as the plan says. */
function rowAt([job, index, tokens, , compared]: PlannedRow, source: RowSource): Row {
  const row = source.rowOf(job, index);
  const length = compared === undefined ? tokens : sum(compared.answers.map(([own]) => own));
  const known = compared?.part === undefined ? row?.inputIds.length : row?.answers?.[compared.part === "own" ? 0 : 1];
  if (row !== undefined && known === length) return row;
  throw new InvariantError({
    expected: `row ${index} of job ${source.jobOf(job).name} with ${length} tokens`,
    got: row?.inputIds.length,
  });
}

/** What of a row's tokens is scored: its labels, and the prompt where the loss wants its likelihood, too. */
function labelAt({ inputIds, labels }: Row, t: number, scoresPrompt: boolean): number {
  const label = labels[t]!;
  return label === NOT_SCORED && scoresPrompt ? inputIds[t]! : label;
}

/** Factors of parts' losses in the gradient; what terms compare they scale further. */
function partScale(
  { kind, answer }: LossPart,
  { scored, likelihoodTokens }: Pick<JobShare, "scored" | "likelihoodTokens">,
  { loss }: PlannedJob,
): number {
  if (kind === "rows") return scored === 0 ? 0 : 1 / scored;
  if (kind === "prompt") return 1 / likelihoodTokens;
  // An answer to another prompt only tells how far the adapter is from the base.
  return kind === "reference" || (loss?.kind === "kto" && answer > 0) ? 0 : 1;
}

/** The terms of all jobs in a micro-batch whose losses compare answers. */
function termsOf(
  { rows }: MicroBatch,
  { ofRow }: LossParts,
  { jobs }: MiniBatchFacts,
  { jobOf, divergenceOf }: Pick<RowSource, "jobOf" | "divergenceOf">,
): readonly PreferenceTerm[] {
  const terms: PreferenceTerm[] = [];
  for (const job of new Set(rows.map(([own]) => own))) {
    const { loss, batchSize } = jobOf(job);
    if (loss === undefined) continue;
    const own = rows.flatMap(([of, , , , compared], row) =>
      of === job && compared !== undefined ? [{ compared, parts: ofRow[row]! }] : [],
    );
    const { likelihoodTokens } = jobs.get(job)!;
    const weights = { rows: batchSize, likelihoodTokens, divergence: divergenceOf(job) };
    terms.push(...preferenceTerms(loss, own, weights, terms.length));
  }
  return terms;
}

/**
 * Ids, shifted targets and segments of a micro-batch: one segment a job, its rows packed one after another, and behind
 * all of them the answers that losses compare with, of the base or of other adapters. `facts`: of its mini-batch. What is
 * only evaluated has no gradient, and no dropout.
 * @throws InvariantError when a row is not as long as the plan says.
 */
export function runInput(microBatch: MicroBatch, facts: MiniBatchFacts, source: RowSource): RunInput {
  const { evaluation = false } = microBatch;
  const numbers = facts.rowNumbers.get(microBatch.index);
  const rows = microBatch.rows.map((planned) => rowAt(planned, source));
  const layout = lossParts(microBatch, source.jobOf);
  const total = microBatchTokens(microBatch);
  const ids = new Int32Array(total);
  const targets = new Int32Array(total).fill(-1);
  const rowKeys = new Int32Array(total);
  const sequences = new Int32Array(layout.sequences.length + 1);
  const segments: { -readonly [K in keyof Segment]: Segment[K] }[] = [];
  layout.sequences.forEach(({ row: index, answer, isReference, start, length }, i) => {
    const [rowJob] = microBatch.rows[index]!;
    const row = rows[index]!;
    const { answers = [length] } = row;
    const from = sum(answers.slice(0, answer));
    const spec = source.jobOf(rowJob);
    const end = start + length;
    const adapter = isReference ? source.referenceOf(rowJob) : source.adapterOf(rowJob);
    if (adapter !== undefined && segments.at(-1)?.adapter !== adapter) {
      const share = facts.jobs.get(rowJob)!;
      const isTrained = !evaluation && !isReference;
      segments.push({
        adapter,
        ...{ rowStart: start, rowEnd: start },
        lossScale: isTrained && share.scored > 0 ? 1 / share.scored : 0,
        dropout: isTrained ? spec.adapter.dropout : 0,
        dropoutSeed: dropoutSeed(spec, share.step),
      });
    }
    ids.set(row.inputIds.subarray(from, from + length), start);
    const scoresPrompt = spec.loss?.kind === "orpo" && answer === 0;
    const [, , , , compared] = microBatch.rows[index]!;
    const prompt = compared === undefined ? 0 : answerAt(compared, answer)![2];
    for (let t = 0; t < length; t += 1) {
      const label = t + 1 < length ? labelAt(row, from + t + 1, scoresPrompt && t + 1 < prompt) : NOT_SCORED;
      if (label !== NOT_SCORED) targets[start + t] = label;
      rowKeys[start + t] = ((numbers?.[index] ?? 0) << POSITION_BITS) | (from + t);
    }
    if (adapter !== undefined) segments.at(-1)!.rowEnd = end;
    sequences[i + 1] = end;
  });
  const input = { rows: total, ids, targets, sequences, segments, rowKeys };
  if (!evaluation && !layout.ofRow.some((parts) => parts !== undefined)) return input;
  const losses = layout.parts.map((part) => ({
    ...{ rowStart: part.rowStart, rowEnd: part.rowEnd },
    lossScale: evaluation ? 0 : partScale(part, facts.jobs.get(part.job)!, source.jobOf(part.job)),
  }));
  return { ...input, losses, preferences: evaluation ? [] : termsOf(microBatch, layout, facts, source) };
}

/** What the backward of a micro-batch is fed with: not the answers of references, which lie behind all others. */
export function backwardInput(input: RunInput, microBatch: Pick<MicroBatch, "rows">): RunInput {
  const rows = trainedTokens(microBatch);
  const { losses: _losses, preferences: _preferences, ...rest } = input;
  if (rows === input.rows) return rest;
  return {
    ...rest,
    ...{ rows, stashRows: input.rows },
    ids: input.ids!.subarray(0, rows),
    targets: input.targets!.subarray(0, rows),
    sequences: input.sequences.filter((end) => end <= rows),
    segments: input.segments.filter(({ rowEnd }) => rowEnd <= rows),
    rowKeys: input.rowKeys!.subarray(0, rows),
  };
}

/** The plan's rows are there, as long and with as many scored tokens as it says. */
function checkPlannedRows({ jobs, microBatches }: Plan, rows: readonly (readonly Row[])[]): void {
  for (const { index, rows: planned } of microBatches)
    for (const [job, row, tokens, scored, compared] of planned) {
      const own = rows[job]![row];
      const isSame =
        compared?.generates !== undefined
          ? own?.answers === undefined && own?.inputIds.length === compared.answers[0]![0]
          : compared === undefined || compared.base === true
            ? own?.answers === undefined && own?.inputIds.length === tokens && countScored(own) === scored
            : own?.answers !== undefined &&
              canonicalJson(partOfRow(comparedRow(own), compared.part)) === canonicalJson(compared);
      if (isSame) continue;
      throw new InputError({
        expected: `row ${row} of job ${jobs[job]!.name} with ${tokens} tokens, ${scored} of them scored,`,
        at: `microBatches[${index}].rows`,
        got: own === undefined ? "no such row" : { tokens: own.inputIds.length, scored: countScored(own) },
        hint: "Make the plan again with `loratwin plan`.",
      });
    }
}

/** @throws InputError when the data are not those that the plan was made from. */
export function checkRows(plan: Plan, digests: readonly string[], rows: readonly (readonly Row[])[]): void {
  plan.jobs.forEach((job, index) => {
    if (job.dataDigest === null)
      throw new InputError({
        expected: "a data file to train on",
        at: `jobs[${index}].data`,
        got: job.data,
        hint: "Lengths alone can only be simulated.",
      });
    if (job.dataDigest !== digests[index]) {
      throw new InputError({
        expected: "the data that the plan was made from",
        at: `jobs[${index}].data`,
        file: [ownValue(plan.locations.data, job.name) ?? ""].flat().join(", "),
        got: "other content",
        hint: "Make the plan again with `loratwin plan`.",
      });
    }
  });
  checkPlannedRows(plan, rows);
}
