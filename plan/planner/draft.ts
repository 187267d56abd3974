import type { MicroBatch, PlannedGroup, PlannedJob } from "../documents/segment.ts";
import type { ScheduleName, Stage } from "../documents/setting.ts";
import type { Job } from "../documents/workload.ts";
import { SCHEDULE_TABLE } from "../schedules/schedules.ts";
import { groupJobs } from "./grouping.ts";
import type { JobRows } from "./job-rows.ts";
import { type Cut, packMicroBatches } from "./pack.ts";
import type { Costed } from "./request.ts";

/** The part of a plan that orders, memory and time follow from. */
export interface Draft {
  readonly schedule: ScheduleName;
  /** The most jobs that train at once; null for all. */
  readonly jobsAtOnce: number | null;
  readonly stages: Stage[];
  readonly jobs: PlannedJob[];
  readonly groups: PlannedGroup[];
  readonly microBatches: MicroBatch[];
}

/** The work of a draft: all but who does it. */
export type DraftedWork = Pick<Draft, "jobs" | "groups" | "microBatches" | "jobsAtOnce">;

/** What the search chooses of the work. */
export interface WorkChoice {
  readonly numGroups: number;
  /** Tokens of a micro-batch of one job that leaves its cut open; null where none does. */
  readonly cutTokens: number | null;
  /** The most jobs that train at once; null for all. */
  readonly jobsAtOnce: number | null;
}

export function leavesCutOpen({ microBatchSize, microBatchTokens }: Job): boolean {
  return microBatchSize === undefined && microBatchTokens === undefined;
}

function cutOf(job: Job, { cutTokens }: WorkChoice): Cut {
  return leavesCutOpen(job) && cutTokens !== null ? { microBatchTokens: cutTokens } : job;
}

function plannedJob(job: Job, rows: JobRows, choice: WorkChoice, numSteps: number): PlannedJob {
  const { steps: _steps, epochs: _epochs, arrivalSeconds: _arrival, ...rest } = job;
  const { microBatchSize, microBatchTokens } = cutOf(job, choice);
  return {
    ...rest,
    ...(microBatchSize === undefined ? {} : { microBatchSize }),
    ...(microBatchTokens === undefined ? {} : { microBatchTokens }),
    dataDigest: rows.digest,
    steps: Math.min(numSteps, rows.steps.length),
  };
}

/** Tokens of all rows that a job takes in its steps. */
export function tokensOf(rows: JobRows, numSteps = rows.steps.length): number {
  let tokens = 0;
  for (let step = 0; step < numSteps; step += 1) for (const row of rows.steps[step]!) tokens += rows.tokens[row]!;
  return tokens;
}

/** The work of a request with some choices; of each job the first steps only, where `stepsOf` says so. */
export function draftWork(
  { jobs, rows, schedule }: Costed,
  choice: WorkChoice,
  stepsOf: (job: number) => number = () => Number.POSITIVE_INFINITY,
): DraftedWork {
  const grouped = groupJobs(
    rows.map((each) => tokensOf(each)),
    choice.numGroups,
  );
  const packed = rows.map((each, job) => ({
    rows: { ...each, steps: each.steps.slice(0, stepsOf(job)) },
    cut: cutOf(jobs[job]!, choice),
  }));
  const planned = jobs.map((job, i) => plannedJob(job, rows[i]!, choice, stepsOf(i)));
  return {
    jobs: planned,
    groups: grouped.map((members) => ({
      pipeline: 0,
      members: members.map((job) => ({ job, firstStep: 0, endStep: planned[job]!.steps })),
    })),
    jobsAtOnce: choice.jobsAtOnce,
    microBatches: [...packMicroBatches(packed, grouped, SCHEDULE_TABLE[schedule].reversesBackwards)],
  };
}
