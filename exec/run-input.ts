import { InputError, InvariantError, ownValue } from "../core/index.ts";
import { countScored, NOT_SCORED, type Row } from "../datasets/index.ts";
import type { Bindings, Handle, Segment } from "../native/index.ts";
import { type MicroBatch, microBatchTokens, type Plan, type PlannedJob } from "../plan/index.ts";
import type { MiniBatchFacts } from "./mini-batch-facts.ts";

/** Positions get this many low bits of a row key, the row's number in the mini-batch the bits above. */
const POSITION_BITS = 20;

/** What a micro-batch feeds to its runs; places in the arena come from the schedule. */
export type RunInput = Pick<Bindings, "rows" | "ids" | "targets" | "sequences" | "segments" | "rowKeys">;

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
}

/**
 * Ids, shifted targets and segments of a micro-batch: one segment a job, its rows packed one after another. `facts`: of
 * its mini-batch. What is only evaluated has no gradient, and no dropout.
 * @throws InvariantError when a row is not as long as the plan says.
 */
export function runInput(microBatch: MicroBatch, facts: MiniBatchFacts, source: RowSource): RunInput {
  const { evaluation = false } = microBatch;
  const numbers = facts.rowNumbers.get(microBatch.index);
  const total = microBatchTokens(microBatch);
  const ids = new Int32Array(total);
  const targets = new Int32Array(total).fill(-1);
  const rowKeys = new Int32Array(total);
  const sequences = new Int32Array(microBatch.rows.length + 1);
  const segments: { -readonly [K in keyof Segment]: Segment[K] }[] = [];
  let offset = 0;
  let job = -1;
  microBatch.rows.forEach(([rowJob, index, tokens], i) => {
    const row = source.rowOf(rowJob, index);
    const spec = source.jobOf(rowJob);
    if (row?.inputIds.length !== tokens)
      throw new InvariantError({
        expected: `row ${index} of job ${spec.name} with ${tokens} tokens`,
        got: row?.inputIds.length,
      });
    if (rowJob !== job) {
      const { step, scored: count } = facts.jobs.get(rowJob)!;
      const lossScale = evaluation || count === 0 ? 0 : 1 / count;
      segments.push({
        adapter: source.adapterOf(rowJob),
        rowStart: offset,
        rowEnd: offset,
        lossScale,
        dropout: evaluation ? 0 : spec.adapter.dropout,
        dropoutSeed: dropoutSeed(spec, step),
      });
      job = rowJob;
    }
    ids.set(row.inputIds, offset);
    for (let t = 0; t < tokens; t += 1) {
      const label = t + 1 < tokens ? row.labels[t + 1]! : NOT_SCORED;
      if (label !== NOT_SCORED) targets[offset + t] = label;
      rowKeys[offset + t] = ((numbers?.[i] ?? 0) << POSITION_BITS) | t;
    }
    offset += tokens;
    segments[segments.length - 1]!.rowEnd = offset;
    sequences[i + 1] = offset;
  });
  return { rows: total, ids, targets, sequences, segments, rowKeys };
}

/** The plan's rows are there, as long and with as many scored tokens as it says. */
function checkPlannedRows({ jobs, microBatches }: Plan, rows: readonly (readonly Row[])[]): void {
  for (const { index, rows: planned } of microBatches)
    for (const [job, row, tokens, scored] of planned) {
      const own = rows[job]![row];
      if (own !== undefined && own.inputIds.length === tokens && countScored(own) === scored) continue;
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
        file: ownValue(plan.locations.data, job.name) ?? "",
        got: "other content",
        hint: "Make the plan again with `loratwin plan`.",
      });
    }
  });
  checkPlannedRows(plan, rows);
}
