import { counted, formatBytes, formatSeconds, formatSecondsRange } from "../core/index.ts";
import type { EarlyStop } from "../exec/index.ts";
import type { Plan, Spent } from "../plan/index.ts";
import { stepsDone } from "../runs/index.ts";
import type { Intervals, RunMetrics, RunPart, StoppedJob, TrainedJob } from "../traces/index.ts";
import { spentColumns } from "./describe-spent.ts";
import { headline, intervalLines, percent, table } from "./output.ts";

/** A job of a run that was simulated, or trained: that has losses. */
interface ToldJob
  extends Spent,
    Pick<TrainedJob, "name" | "steps" | "tokens" | "startSeconds" | "endSeconds">,
    Partial<Pick<TrainedJob, "plannedSteps" | "losses" | "evaluations">> {}

interface ToldMetrics extends Omit<RunMetrics, "jobs"> {
  readonly jobs: readonly ToldJob[];
}

function timeText(seconds: number | null): string {
  if (seconds === null) return "-";
  return seconds === 0 ? "0 s" : formatSeconds(seconds);
}

/** "24 of 60" for a job that has made fewer steps than it was to make. */
function stepsText({ steps, plannedSteps = steps }: ToldJob): string {
  return steps === plannedSteps ? `${steps}` : `${steps} of ${plannedSteps}`;
}

/** A loss that is not finite is null; there is none before the first step. */
function lossText(loss: number | null | undefined): string {
  if (loss === undefined) return "-";
  return loss === null ? "not finite" : loss.toFixed(3);
}

/** The evaluation with the lowest loss: each that was best when it came is told so, and the last of them stays. */
function bestText({ evaluations = [] }: ToldJob): string {
  const best = evaluations.findLast((row) => row.best);
  return best === undefined ? "-" : `${lossText(best.evaluationLoss)} after step ${best.step + 1}`;
}

/** A run's numbers as a person reads them. */
export function runText(
  metrics: ToldMetrics,
  { intervals }: { readonly intervals?: Intervals | undefined } = {},
): string {
  const devices = metrics.devices.map(({ name, busySeconds, idleSeconds, peakMemoryBytes }) => [
    name,
    formatSeconds(busySeconds),
    formatSeconds(idleSeconds),
    formatBytes(peakMemoryBytes),
  ]);
  const ranges = intervalLines(intervals);
  const withLosses = metrics.jobs.some(({ losses = [] }) => losses.length > 0);
  const areEvaluated = metrics.jobs.some(({ evaluations = [] }) => evaluations.some(({ best }) => best));
  const { heads, cellsOf } = spentColumns(metrics.jobs);
  const jobs = metrics.jobs.map((job, index) => {
    const range = ranges.length === 0 ? [] : [formatSecondsRange(...intervals!.jobs[index]!.turnaroundSeconds)];
    return [
      ...[job.name, stepsText(job), `${job.tokens}`, timeText(job.startSeconds), timeText(job.endSeconds)],
      ...range,
      ...cellsOf(job),
      ...(withLosses ? [lossText(job.losses?.[0]), lossText(job.losses?.at(-1))] : []),
      ...(areEvaluated ? [bestText(job)] : []),
    ];
  });
  return [
    `${metrics.source}: ${headline(metrics)}`,
    ...ranges.map((line) => `${" ".repeat(metrics.source.length + 2)}${line}`),
    "",
    table(["device", "busy", "idle", "peak memory"], devices),
    "",
    table(
      [
        "job",
        "steps",
        "tokens",
        "start",
        "end",
        ...(ranges.length === 0 ? [] : [`${percent(intervals!.level, 0)} end`]),
        ...heads,
        ...(withLosses ? ["first loss", "last loss"] : []),
        ...(areEvaluated ? ["best evaluation"] : []),
      ],
      jobs,
    ),
  ].join("\n");
}

/** Where and why a job was stopped early. */
export function earlyText({ step, why }: EarlyStop, steps: number, best: StoppedJob["best"]): string {
  const known = best === undefined ? "" : `; best ${best.evaluationLoss.toFixed(3)} at step ${best.step + 1}`;
  return `stopped early at step ${step + 1} of ${steps}: ${why}${known}`;
}

/** A line a job that was stopped. */
export function stoppedText(jobs: readonly Pick<TrainedJob, "name" | "plannedSteps" | "stopped">[]): readonly string[] {
  return jobs.flatMap(({ name, plannedSteps, stopped }) => {
    if (stopped === undefined) return [];
    return stopped.hasDiverged
      ? [`${name} was stopped: ${stopped.why}; its adapter is not written`]
      : [`${name} was ${earlyText(stopped, plannedSteps, stopped.best)}`];
  });
}

/** A line of jobs whose data have rows that cannot be read. */
export function skippedText(
  jobs: readonly { readonly name: string; readonly skippedRows?: number }[],
): readonly string[] {
  return jobs.flatMap(({ name, skippedRows = 0 }) =>
    skippedRows === 0 ? [] : [`${name}: ${counted(skippedRows, "row")} that cannot be read left out`],
  );
}

/** What there is of a run that was ended early. */
export function endText(plan: Pick<Plan, "jobs">, part: RunPart, stopped?: ReadonlyMap<string, StoppedJob>): string {
  return `ended early: ${stepsDone(plan, part, stopped)}`;
}
