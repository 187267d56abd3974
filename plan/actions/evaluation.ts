import type { MicroBatch, PlannedGroup, PlannedJob, PlannedRow } from "../documents/segment.ts";
import type { Evaluation } from "../documents/workload.ts";
import type { Numbered } from "./mini-batch.ts";

/** Whether a job is evaluated once it has made its step `step`, from 0: every so many steps, and after the last. */
export function evaluatesAfter(
  { everySteps }: Pick<Evaluation, "everySteps">,
  step: number,
  numSteps: number,
): boolean {
  return (step + 1) % everySteps === 0 || step === numSteps - 1;
}

/** How many of a job's rows a share of them is: at least one, at most all but one. */
export function heldOutCount(share: number, numRows: number, maxRows = Number.POSITIVE_INFINITY): number {
  return Math.min(maxRows, Math.max(1, Math.round(share * numRows)), numRows - 1);
}

/** Whether the base alone is evaluated on a micro-batch. */
export function isOfBase({ rows }: { readonly rows: readonly PlannedRow[] }): boolean {
  return rows[0]?.[4]?.base === true;
}

/** The jobs that a micro-batch of an evaluation is the last work of: those with rows in it whose last step was before. */
export function evaluatedToTheEnd(
  work: {
    readonly groups: Numbered<Pick<PlannedGroup, "members">>;
    readonly jobs: Numbered<{ readonly steps: number }>;
  },
  { group, step, rows = [] }: Pick<MicroBatch, "group" | "step"> & Partial<Pick<MicroBatch, "rows">>,
): readonly number[] {
  return work.groups[group]!.members.flatMap(({ job, firstStep }) =>
    firstStep + step === work.jobs[job]!.steps - 1 && rows.some(([own]) => own === job) ? [job] : [],
  );
}

/** Looks at the training losses of a job that they may stop, over all of its steps. */
const LOOKS = 50;

/**
 * Whether a job that may be stopped early is judged by its losses until its step `step`, and ends there: it is evaluated
 * behind the step, or its training losses are looked at, which is after every 2 % of its steps.
 */
export function isJudgedAfter(
  { earlyStopping, evaluation, steps }: Pick<PlannedJob, "earlyStopping" | "evaluation" | "steps">,
  step: number,
): boolean {
  if (earlyStopping === undefined || step >= steps - 1) return false;
  if (evaluation !== undefined && evaluatesAfter(evaluation, step, steps)) return true;
  const { divergence, losses } = earlyStopping;
  return (divergence !== false || losses === "training") && (step + 1) % Math.max(1, Math.round(steps / LOOKS)) === 0;
}

/** Whether the adapter that a job has after its step `step` may be the one that is kept as its best. */
export function mayBeBest({ evaluation, steps }: Pick<PlannedJob, "evaluation" | "steps">, step: number): boolean {
  return evaluation?.keepBest === true && evaluatesAfter(evaluation, step, steps);
}
