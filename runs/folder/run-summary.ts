import { finite } from "../../core/index.ts";
import { divergenceText, type ExecuteResult } from "../../exec/index.ts";
import { NOTHING_SPENT, type Plan, type Spent } from "../../plan/index.ts";
import { type JobMetrics, planOfPart, type RunMetrics, runMetrics } from "../../traces/index.ts";
import type { ResumablePlan } from "../resume/resume-plan.ts";
import type { TrainedRun } from "../train-in-folder.ts";
import { lossesByJob } from "./read-run.ts";

/** Why a job trains no further, and the last step that it made, from 0. */
export interface StoppedJob {
  readonly step: number;
  readonly why: string;
}

/** A job of a run: null stands for a loss that is not finite. */
export interface TrainedJob extends JobMetrics {
  readonly finalLoss: number | null | undefined;
  /** Of the steps that this run made. */
  readonly losses: readonly (number | null)[];
  /** The folder of its adapter; absent where none was written. */
  readonly adapter: string | undefined;
  readonly stopped: StoppedJob | undefined;
  /** What it has taken of devices in this part of the run and in earlier ones. */
  readonly spent: Spent;
  /** Absent for a job that was not evaluated. */
  readonly evaluations?: readonly {
    readonly step: number;
    readonly evaluationLoss: number | null;
    readonly tokens: number;
    readonly best: boolean;
  }[];
  readonly bestAdapter?: string | undefined;
}

export interface RunSummary extends RunMetrics {
  readonly jobs: readonly TrainedJob[];
  /** By stage, the share of its time in which its device waited for this program. */
  readonly waitingForHostRatio: readonly number[];
  readonly endedEarly: boolean;
}

/** Why jobs were stopped while the others trained on, by name, those of earlier parts of the run included. */
export function stoppedJobs(
  plan: Plan,
  { diverged }: Pick<ExecuteResult, "diverged">,
  resumed?: ResumablePlan | undefined,
): ReadonlyMap<string, StoppedJob> {
  const left = new Set(plan.jobs.map(({ name }) => name));
  const before = (resumed?.events ?? []).flatMap((line) => {
    if (line.event !== "job stopped" || left.has(line.job)) return [];
    const { job, step, why } = line;
    return [[job, { step, why }] as const];
  });
  const now = plan.jobs.flatMap(({ name }, job) => {
    const divergence = diverged[job];
    if (divergence === undefined) return [];
    return [[name, { step: divergence.step, why: divergenceText(divergence) }] as const];
  });
  return new Map([...before, ...now]);
}

/** The numbers of a run, and what became of its jobs. */
export function runSummary(
  plan: Plan,
  { result, adapters, best, part, spent }: TrainedRun,
  stopped: ReadonlyMap<string, StoppedJob>,
): RunSummary {
  const losses = lossesByJob(result.metrics);
  const metrics = runMetrics(part === undefined ? plan : planOfPart(plan, part), result.trace);
  const jobs = metrics.jobs.map((job): TrainedJob => {
    const series = (losses.get(job.name) ?? []).map(finite);
    const trainedJob = {
      ...job,
      ...{ finalLoss: series.at(-1), losses: series, adapter: adapters.get(job.name) },
      ...{ stopped: stopped.get(job.name), spent: spent.get(job.name) ?? NOTHING_SPENT },
    };
    const own = result.evaluations.filter((row) => row.job === job.name);
    if (own.length === 0) return trainedJob;
    const told = own.map((row) => ({ ...row, evaluationLoss: finite(row.evaluationLoss) }));
    return { ...trainedJob, evaluations: told, bestAdapter: best.get(job.name) };
  });
  const waiting = result.statistics.map(({ starvedNs, busyNs }) =>
    busyNs === 0 ? 0 : starvedNs / (starvedNs + busyNs),
  );
  return { ...metrics, jobs, waitingForHostRatio: waiting, endedEarly: result.endedEarly };
}
