import { formatBytes, formatSeconds, formatSecondsRange } from "../core/index.ts";
import type { EvaluationMetrics } from "../exec/index.ts";
import type { Plan, Spent } from "../plan/index.ts";
import { type StoppedJob, stepsDone } from "../runs/index.ts";
import type { Intervals, RunMetrics, RunPart } from "../traces/index.ts";
import { spentColumns } from "./describe-spent.ts";
import { headline, intervalLines, percent, table } from "./output.ts";

interface RunTextOptions {
  /** By job. */
  readonly losses?: ReadonlyMap<string, readonly number[]>;
  readonly evaluations?: readonly EvaluationMetrics[];
  readonly intervals?: Intervals | undefined;
  /** What each job took in all parts of the run; that of this one when absent. */
  readonly spent?: ReadonlyMap<string, Spent>;
}

/** By job name, the evaluation with the lowest loss: what was best is told as it comes, and the last of it stays. */
export function bestEvaluations(evaluations: readonly EvaluationMetrics[]): ReadonlyMap<string, EvaluationMetrics> {
  return new Map(evaluations.filter(({ best }) => best).map((row) => [row.job, row]));
}

/** A run's numbers as a person reads them. */
export function runText(
  metrics: RunMetrics,
  { losses, intervals, evaluations = [], spent }: RunTextOptions = {},
): string {
  const best = bestEvaluations(evaluations);
  const devices = metrics.devices.map(({ name, busySeconds, idleSeconds, peakMemoryBytes }) => [
    name,
    formatSeconds(busySeconds),
    formatSeconds(idleSeconds),
    formatBytes(peakMemoryBytes),
  ]);
  const ranges = intervalLines(intervals);
  const withLosses = losses !== undefined && losses.size > 0;
  const spentBy = (job: RunMetrics["jobs"][number]): Spent => spent?.get(job.name) ?? job;
  const { heads, cellsOf } = spentColumns(metrics.jobs.map(spentBy));
  const jobs = metrics.jobs.map((metric, job) => {
    const { name, steps, tokens, startSeconds, endSeconds } = metric;
    const series = losses?.get(name);
    const range = ranges.length === 0 ? [] : [formatSecondsRange(...intervals!.jobs[job]!.turnaroundSeconds)];
    const curve = withLosses ? [series?.[0]?.toFixed(3) ?? "-", series?.at(-1)?.toFixed(3) ?? "-"] : [];
    return [
      name,
      `${steps}`,
      `${tokens}`,
      startSeconds === 0 ? "0 s" : formatSeconds(startSeconds),
      formatSeconds(endSeconds),
      ...range,
      ...cellsOf(spentBy(metric)),
      ...curve,
      ...(best.size === 0 ? [] : [bestText(best.get(name))]),
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
        ...(best.size === 0 ? [] : ["best evaluation"]),
      ],
      jobs,
    ),
  ].join("\n");
}

function bestText(best: EvaluationMetrics | undefined): string {
  return best === undefined ? "-" : `${best.evaluationLoss.toFixed(3)} after step ${best.step + 1}`;
}

/** A line a job that was stopped. */
export function stoppedText(stopped: ReadonlyMap<string, StoppedJob>): readonly string[] {
  return [...stopped].map(([name, { why }]) => `${name} was stopped: ${why}; its adapter is not written`);
}

/** What there is of a run that was ended early. */
export function endText(plan: Pick<Plan, "jobs">, part: RunPart): string {
  return `ended early: ${stepsDone(plan, part)}`;
}
