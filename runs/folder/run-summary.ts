import path from "node:path";
import { finite, groupBy, sum } from "../../core/index.ts";
import { divergenceText, type ExecuteResult } from "../../exec/index.ts";
import { absolute, linesOfFile, type Place } from "../../files/index.ts";
import { NOTHING_SPENT, type Plan } from "../../plan/index.ts";
import { planOfPart, type RunMetrics, runMetrics, type StoppedJob, type TrainedJob } from "../../traces/index.ts";
import { jobsOfPlanRun, type ResumablePlan } from "../resume/resume-plan.ts";
import type { TrainedRun } from "../train-in-folder.ts";
import { readMetrics } from "./metrics-lines.ts";
import { RUN_FILES, writtenAdapter } from "./run-files.ts";

/** The numbers of devices are of this part of the run. */
export interface RunSummary extends Omit<RunMetrics, "jobs"> {
  readonly jobs: readonly TrainedJob[];
  /** By stage, the share of its time in which its device waited for this program. */
  readonly waitingForHostRatio: readonly number[];
  readonly endedEarly: boolean;
}

/** Jobs that were stopped while the others trained on, by name, those of earlier parts of the run included. */
export function stoppedJobs(
  { jobs }: Plan,
  { diverged, stopped, best }: Pick<ExecuteResult, "diverged" | "stopped" | "best">,
  resumed?: ResumablePlan | undefined,
): ReadonlyMap<string, StoppedJob> {
  const now = jobs.flatMap(({ name }, job): (readonly [string, StoppedJob])[] => {
    const [divergence, stop] = [diverged[job], stopped[job]];
    if (divergence !== undefined)
      return [[name, { step: divergence.step, why: divergenceText(divergence), hasDiverged: true }]];
    if (stop === undefined) return [];
    const { step, evaluationLoss } = best[job] ?? {};
    const lowest = step === undefined || evaluationLoss === undefined ? undefined : { step, evaluationLoss };
    return [[name, { ...stop, hasDiverged: false, best: lowest }]];
  });
  return new Map([...(resumed?.stops ?? []), ...now]);
}

const trainedTokens = ({ metrics }: ExecuteResult): number => sum(metrics.map(({ tokens }) => tokens));
const NO_TIMES = { startSeconds: null, endSeconds: null, turnaroundSeconds: null, waitSeconds: null } as const;

/** The numbers of a run, and what became of its jobs, as its folder tells. @throws InputError */
export function runSummary(
  place: Place,
  folder: string,
  plan: Plan,
  { result, part, spent }: TrainedRun,
  stopped: ReadonlyMap<string, StoppedJob>,
): RunSummary {
  const full = absolute(place, folder);
  const file = path.join(full, RUN_FILES.metrics);
  const read = readMetrics(linesOfFile(file), file);
  const [steps, evaluations] = [groupBy(read.metrics, ({ job }) => job), groupBy(read.evaluations, ({ job }) => job)];
  const metrics = runMetrics(part === undefined ? plan : planOfPart(plan, part), result.trace);
  // The plan has tokens of steps that a stopped job did not make.
  const rate = stopped.size === 0 ? {} : { tokensPerSecond: trainedTokens(result) / metrics.makespanSeconds };
  const times = new Map(metrics.jobs.map((job) => [job.name, job]));
  const jobs = jobsOfPlanRun(place, folder).map(({ name, steps: plannedSteps, skippedRows }): TrainedJob => {
    const own = steps.get(name) ?? [];
    const { startSeconds, endSeconds, turnaroundSeconds, waitSeconds } = times.get(name) ?? NO_TIMES;
    const losses = own.map(({ loss }) => finite(loss));
    const trainedJob = {
      ...{ name, steps: own.length, plannedSteps, tokens: sum(own.map(({ tokens }) => tokens)) },
      ...{ startSeconds, endSeconds, turnaroundSeconds, waitSeconds },
      ...{ finalLoss: losses.at(-1), losses, stopped: stopped.get(name) },
      ...(skippedRows === undefined ? {} : { skippedRows }),
      adapter: writtenAdapter(full, RUN_FILES.adapters, name),
      ...(spent.get(name) ?? NOTHING_SPENT),
    };
    const judged = evaluations.get(name);
    if (judged === undefined) return trainedJob;
    const told = judged.map((row) => ({ ...row, evaluationLoss: finite(row.evaluationLoss) }));
    return { ...trainedJob, evaluations: told, bestAdapter: writtenAdapter(full, RUN_FILES.best, name) };
  });
  const waiting = result.statistics.map(({ starvedNs, busyNs }) =>
    busyNs === 0 ? 0 : starvedNs / (starvedNs + busyNs),
  );
  return { ...metrics, ...rate, jobs, waitingForHostRatio: waiting, endedEarly: result.endedEarly };
}
