import { canonicalJson, type LazyList, lazyList } from "../../core/index.ts";
import { evaluatesAfter } from "../actions/evaluation.ts";
import type { EvaluationRows, JobRows, RowSizes } from "../actions/job-rows.ts";
import type { PlannedJob, PlannedRow } from "../documents/segment.ts";
import { type Cut, type PackedMember, partsOfEvaluation, partsOfStep } from "../planner/pack.ts";

/** Rows of micro-batches, any number in place of the job's. */
export type Parts = readonly (readonly PlannedRow[])[];

/** Rows by step and part. */
export interface WorkLists {
  readonly steps: LazyList<Parts>;
  /** By step, what is evaluated after it, part by part; no entry for a step after which nothing is. */
  readonly evaluations?: LazyList<Parts | undefined>;
  /** What they are cut from; absent where somebody gave them as they are. */
  readonly cutFrom?: { readonly rows: JobRows; readonly cut: Cut };
}

/** A job of a fleet as it is planned, and what it trains: each step is cut into micro-batches when it is asked for. */
export interface FleetWork extends WorkLists {
  readonly job: PlannedJob;
}

/** What comes behind a step, as a text; undefined for nothing. Steps with the same text have the same behind them. */
function behindStep({ evaluation, sample, firstStep = 0 }: JobRows, at: number): string | undefined {
  const isDue = (own: EvaluationRows | undefined): own is EvaluationRows =>
    own !== undefined && evaluatesAfter(own, firstStep + at, own.numSteps);
  // The first time the base is evaluated, and answers, too.
  const when = (own: EvaluationRows | undefined, hasBase: boolean): string =>
    isDue(own) ? (hasBase && firstStep + at < own.everySteps ? "first" : "later") : "";
  const [evaluated, answered] = [when(evaluation, evaluation?.base === true), when(sample, true)];
  return evaluated + answered === "" ? undefined : `${evaluated} ${answered}`;
}

/** The rows that a job's steps take, as its micro-batches are cut. */
function cutRowsOf(rows: JobRows, cut: Cut): WorkLists {
  const members: readonly PackedMember[] = [{ job: 0, firstStep: 0, packed: { rows, cut } }];
  const steps = lazyList(rows.steps.length, (step): Parts => partsOfStep(members, step));
  const cutFrom = { rows, cut };
  if (rows.evaluation === undefined && rows.sample === undefined) return { steps, cutFrom };
  const behind = new Map<string, Parts>();
  const evaluations = lazyList(rows.steps.length, (step): Parts | undefined => {
    const key = behindStep(rows, step);
    if (key === undefined) return undefined;
    const parts = behind.get(key) ?? partsOfEvaluation(members, step);
    behind.set(key, parts);
    return parts;
  });
  return { steps, evaluations, cutFrom };
}

/** By the sizes of rows and all else that they follow from: jobs that are alike in that share their lists. */
const known = new WeakMap<RowSizes, Map<string, WorkLists>>();

/** The work of a job that is planned, from its rows. */
export function cutWork(job: PlannedJob, rows: JobRows): FleetWork {
  const { source } = rows;
  const { seed, batchSize, microBatchSize, microBatchTokens, evaluation, sample } = job;
  const cut = { microBatchSize, microBatchTokens };
  if (source === undefined) return { job, ...cutRowsOf(rows, cut) };
  const { sizes, ...order } = source;
  const lists = known.get(sizes) ?? new Map<string, WorkLists>();
  known.set(sizes, lists);
  const key = canonicalJson({
    ...{ ...order, batchSize, seed: order.shuffle ? seed : 0, steps: rows.steps.length, first: rows.firstStep ?? 0 },
    cut: [microBatchSize ?? null, microBatchTokens ?? null],
    evaluation: evaluation ?? null,
    sample: sample === undefined ? null : [sample.everySteps, sample.maxTokens],
  });
  const own = lists.get(key) ?? cutRowsOf(rows, cut);
  lists.set(key, own);
  return { job, ...own };
}
