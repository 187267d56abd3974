import { type JobRows, tokensOf } from "../actions/job-rows.ts";
import { stoppingOptions } from "../documents/early-stopping.ts";
import type { MicroBatch, PlannedGroup, PlannedJob } from "../documents/segment.ts";
import type { ScheduleName, Stage } from "../documents/setting.ts";
import type { Job } from "../documents/workload.ts";
import { microBatchUnits } from "../memory/stash.ts";
import { SCHEDULE_TABLE } from "../schedules/schedules.ts";
import { type DividedWork, divideLayers } from "./divide-layers.ts";
import { groupJobs } from "./grouping.ts";
import { type Cut, leavesCutOpen, packMicroBatches } from "./pack.ts";
import type { WorkChoice } from "./propose.ts";
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
  /** Activation memory of each micro-batch, in units. */
  readonly units: readonly number[];
}

/** What a draft may be given instead of the whole run on stages of the planner's choice. */
export interface DraftOptions {
  /** Of each job so many of the first steps. */
  readonly stepsOf?: (job: number) => number;
  readonly stages?: readonly Stage[];
  /** Who divides the layers; `divideLayers` where absent. */
  readonly dividedBy?: (work: DividedWork) => readonly Stage[];
  /** Actions of all its stages together; more are refused. */
  readonly mostActions?: number;
}

function cutOf(job: Job, { cutTokens }: WorkChoice): Cut {
  return leavesCutOpen(job) && cutTokens !== null ? { microBatchTokens: cutTokens } : job;
}

/** A job as a plan has it, cut by so much. */
export function plannedJob(job: Job, rows: JobRows, cut: Cut, numSteps = Number.POSITIVE_INFINITY): PlannedJob {
  const {
    steps: _steps,
    epochs: _epochs,
    arrivalSeconds: _arrival,
    user: _user,
    deadlineSeconds: _due,
    ...others
  } = job;
  const { earlyStopping: _asked, maxCost: _budget, ...rest } = others;
  const earlyStopping = stoppingOptions(job);
  const { microBatchSize, microBatchTokens } = cut;
  return {
    ...rest,
    ...(microBatchSize === undefined ? {} : { microBatchSize }),
    ...(microBatchTokens === undefined ? {} : { microBatchTokens }),
    ...(earlyStopping === undefined ? {} : { earlyStopping }),
    dataDigest: rows.digest,
    ...(rows.skipped === undefined ? {} : { skippedRows: rows.skipped }),
    ...(rows.initDigest === undefined ? {} : { initDigest: rows.initDigest }),
    steps: (rows.firstStep ?? 0) + Math.min(numSteps, rows.steps.length),
    ...(rows.firstStep === undefined ? {} : { firstStep: rows.firstStep }),
  };
}

/** The work of a request with some choices, on its stages. */
export function draftOf(request: Costed, choice: WorkChoice, options: DraftOptions = {}): Draft {
  const { jobs, rows, schedule } = request;
  const { stepsOf = () => Number.POSITIVE_INFINITY, stages, mostActions = Number.POSITIVE_INFINITY } = options;
  const { dividedBy = (work) => divideLayers(request, work) } = options;
  const grouped = groupJobs(
    rows.map((each) => tokensOf(each)),
    choice.numGroups,
  );
  const packed = rows.map((each, job) => ({
    rows: { ...each, steps: each.steps.slice(0, stepsOf(job)) },
    cut: cutOf(jobs[job]!, choice),
  }));
  const planned = jobs.map((job, i) => plannedJob(job, rows[i]!, cutOf(job, choice), stepsOf(i)));
  // Of each micro-batch a forward and a backward on each stage.
  const most = mostActions / (2 * (stages?.length ?? request.devices.length));
  const microBatches = [...packMicroBatches(packed, grouped, SCHEDULE_TABLE[schedule].reversesBackwards, most)];
  return {
    schedule,
    jobsAtOnce: choice.jobsAtOnce,
    stages: [...(stages ?? dividedBy({ jobs: planned, microBatches }))],
    jobs: planned,
    groups: grouped.map((members) => ({
      pipeline: 0,
      members: members.map((job) => ({ job, firstStep: rows[job]!.firstStep ?? 0, endStep: planned[job]!.steps })),
    })),
    microBatches,
    units: microBatches.map(microBatchUnits),
  };
}
