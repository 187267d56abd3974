import { type LazyList, lazyList, maximum } from "../../core/index.ts";
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
  readonly steps: LazyList<Parts>;
  readonly evaluations?: LazyList<Parts | undefined>;
}

/** What a group trains, and is evaluated on, by its step and part. */
export interface GroupSteps {
  readonly steps: LazyList<Parts>;
  /** No entry for a step after which nothing is. */
  readonly evaluations: LazyList<Parts | undefined>;
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

/** The steps of a job that is alone in its group: the micro-batches that it was planned with, cut when they are due. */
export function ownSteps({ job, firstStep, endStep, steps, evaluations = [] }: GroupedJob): GroupSteps {
  const numSteps = endStep - firstStep;
  return {
    steps: lazyList(numSteps, (step) => ownRows(steps.at(firstStep + step)!, job)),
    evaluations: lazyList(numSteps, (step) => {
      const parts = evaluations.at(firstStep + step);
      return parts === undefined || parts.length === 0 ? undefined : ownRows(parts, job);
    }),
  };
}

/**
 * The steps of a group, each with a step of all its jobs that have one, their rows packed by tokens. Held-out rows stay in
 * micro-batches of their own.
 */
export function sharedSteps(jobs: readonly GroupedJob[], { capacity, pack }: RowPacking): GroupSteps {
  const numSteps = maximum(jobs.map(({ firstStep, endStep }) => endStep - firstStep));
  const places = Array.from({ length: numSteps }, (_, step) => step);
  const activeIn = (step: number): readonly GroupedJob[] =>
    jobs.filter(({ firstStep, endStep }) => firstStep + step < endStep);
  return {
    steps: places.map((step) => {
      const members = activeIn(step).map((each) => ({
        job: each.job,
        rows: each.steps.at(each.firstStep + step)!.flat(),
      }));
      return packMiniBatch({ members, capacity }, pack);
    }),
    evaluations: places.map((step) => {
      const parts = activeIn(step).flatMap(({ job, firstStep, evaluations = [] }) =>
        ownRows(evaluations.at(firstStep + step) ?? [], job),
      );
      return parts.length === 0 ? undefined : parts;
    }),
  };
}
