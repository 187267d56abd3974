import {
  checkJobs,
  cutWork,
  type FleetWork,
  type Job,
  type JobRows,
  leavesCutOpen,
  plannedJob,
  type Setting,
} from "../../plan/index.ts";

/**
 * The work of a job in micro-batches that the pipelines of a fleet have room for. Pipelines are alike in what they can
 * do, so the first one stands for all. @throws InputError for a job that the model cannot train
 */
export function workOfJob({ pipelines, model }: Setting, job: Job, rows: JobRows): FleetWork {
  checkJobs({ jobs: [{ ...job, arrivalSeconds: 0 }], rows: [rows], architecture: model.architecture });
  const { maxTokens } = pipelines[0]!.room;
  return cutWork(plannedJob(job, rows, leavesCutOpen(job) ? { microBatchTokens: maxTokens } : job), rows);
}
