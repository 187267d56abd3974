import { InvariantError, maximum } from "../../core/index.ts";
import type { PlannedRow } from "../documents/segment.ts";
import type { Packing, PackingProblem } from "./pack-rows.ts";
import { packMiniBatch } from "./packed-groups.ts";

/** Rows of micro-batches. */
type Parts = readonly (readonly PlannedRow[])[];

/** A job that trains in a group from one of its steps on. */
export interface GroupedJob {
  /** Its number in the plan, which its rows are of. */
  readonly job: number;
  readonly firstStep: number;
  readonly endStep: number;
  /** By the job's step and part, any number in place of the job's. */
  readonly steps: readonly Parts[];
  readonly evaluations?: readonly (Parts | undefined)[];
}

/** What a group trains, and is evaluated on, by its step and part. */
export interface GroupSteps {
  readonly steps: readonly Parts[];
  /** No entry for a step after which nothing is. */
  readonly evaluations: readonly (Parts | undefined)[];
}

/** Rows as those of a job of a plan. */
export function ownRows(parts: Parts, job: number): Parts {
  return parts.map((part) => part.map(([, ...row]): PlannedRow => [job, ...row]));
}

/** How rows are packed into micro-batches of at most so many tokens. */
export interface RowPacking {
  readonly capacity: number;
  readonly pack: (problem: PackingProblem) => Packing;
}

/**
 * The steps of a group, each with a step of all its jobs that have one: their rows packed by tokens, or the micro-batches
 * that a job was planned with. Held-out rows stay in micro-batches of their own.
 * @throws InvariantError for several jobs that are not packed
 */
export function groupSteps(jobs: readonly GroupedJob[], packing: RowPacking | undefined): GroupSteps {
  if (packing === undefined && jobs.length !== 1)
    throw new InvariantError({ expected: "a job that is alone in its group", got: jobs.length });
  const numSteps = maximum(jobs.map(({ firstStep, endStep }) => endStep - firstStep));
  const places = Array.from({ length: numSteps }, (_, step) => step);
  const activeIn = (step: number): readonly GroupedJob[] =>
    jobs.filter(({ firstStep, endStep }) => firstStep + step < endStep);
  const rowsOf = ({ steps, firstStep }: GroupedJob, step: number): Parts => steps[firstStep + step]!;
  return {
    steps: places.map((step) => {
      if (packing === undefined) return ownRows(rowsOf(jobs[0]!, step), jobs[0]!.job);
      const members = activeIn(step).map((each) => ({ job: each.job, rows: rowsOf(each, step).flat() }));
      return packMiniBatch({ members, capacity: packing.capacity }, packing.pack);
    }),
    evaluations: places.map((step) => {
      const parts = activeIn(step).flatMap(({ job, firstStep, evaluations = [] }) =>
        ownRows(evaluations[firstStep + step] ?? [], job),
      );
      return parts.length === 0 ? undefined : parts;
    }),
  };
}
