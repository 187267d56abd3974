import { InputError } from "../core/index.ts";
import {
  actionShares,
  evaluatedToTheEnd,
  jobSegments,
  jobStep,
  type PlanBody,
  Spending,
  type Spent,
} from "../plan/index.ts";
import { type RunTotals, traceTotals } from "./totals.ts";
import type { Trace, TraceEvent, TraceStream } from "./trace.ts";
import { planPipelines } from "./trace-pipelines.ts";

/** What metrics need of a plan. */
export type MetricsPlan = Pick<
  PlanBody,
  "jobs" | "groups" | "microBatches" | "pipelines" | "stages" | "devices" | "model"
> & { readonly hash: string };

/**
 * Times in seconds from the start of the trace, when all jobs of a static workload arrive. What it took of devices is of
 * the trace: together the jobs took all the time for which devices were busy.
 */
export interface JobMetrics extends Spent {
  readonly name: string;
  readonly steps: number;
  /** Tokens of the rows that it trains on over all steps. */
  readonly tokens: number;
  /** Start of its first forward. */
  readonly startSeconds: number;
  /** End of its last update on the stage that is last to make it, or of its evaluation behind that. */
  readonly endSeconds: number;
  /** From arrival to end. */
  readonly turnaroundSeconds: number;
  /** From arrival to start. */
  readonly waitSeconds: number;
}

/** The numbers of a run that `simulate` and `train` print; RunTotals says what each is. */
export interface RunMetrics extends RunTotals {
  readonly planHash: string;
  readonly source: Trace["source"];
  readonly jobs: readonly JobMetrics[];
}

function jobTokens(plan: MetricsPlan): readonly number[] {
  const tokens = plan.jobs.map(() => 0);
  for (const microBatch of plan.microBatches) {
    if (microBatch.evaluation === true) continue;
    for (const { job, tokens: own } of jobSegments(microBatch)) {
      // A part of a run has fewer steps than its plan has micro-batches for.
      if (jobStep(plan.groups, job, microBatch) < plan.jobs[job]!.steps) tokens[job]! += own;
    }
  }
  return tokens;
}

interface Span {
  startNs: number;
  endNs: number;
}

/** By job name: where its first forward starts and its last update ends. `visit` is shown every action. */
function jobSpans(plan: MetricsPlan): {
  readonly spans: ReadonlyMap<string, Span>;
  readonly visit: (action: TraceEvent) => void;
} {
  const spans = new Map<string, Span>(
    plan.jobs.map(({ name }) => [name, { startNs: Number.POSITIVE_INFINITY, endNs: Number.NEGATIVE_INFINITY }]),
  );
  const visit = ({ letter, microBatch, startNs, durationNs, jobs }: TraceEvent): void => {
    if (letter === "F") {
      for (const name of jobs) {
        const span = spans.get(name);
        if (span !== undefined && startNs < span.startNs) span.startNs = startNs;
      }
    } else if (letter === "U") {
      const planned = plan.microBatches[microBatch];
      for (const { job, firstStep } of planned === undefined ? [] : plan.groups[planned.group]!.members) {
        const { name, steps } = plan.jobs[job]!;
        const span = spans.get(name)!;
        if (firstStep + planned!.step === steps - 1) span.endNs = Math.max(span.endNs, startNs + durationNs);
      }
    } else if (letter === "E") {
      const planned = plan.microBatches[microBatch];
      for (const job of planned === undefined ? [] : evaluatedToTheEnd(plan, planned)) {
        const span = spans.get(plan.jobs[job]!.name)!;
        span.endNs = Math.max(span.endNs, startNs + durationNs);
      }
    }
  };
  return { spans, visit };
}

/**
 * The numbers of one run.
 * @throws InputError for a trace of another plan, or one without a job's first forward or last update.
 */
export function runMetrics(plan: MetricsPlan, trace: TraceStream): RunMetrics {
  if (plan.hash !== trace.planHash)
    throw new InputError({ expected: `a trace of plan ${plan.hash}`, at: "otherData.planHash", got: trace.planHash });
  const { spans, visit } = jobSpans(plan);
  const spending = new Spending(plan.devices);
  const totals = traceTotals(trace, planPipelines(plan), (action) => {
    visit(action);
    const microBatch = plan.microBatches[action.microBatch];
    if (microBatch !== undefined) spending.add(actionShares(plan, plan, action, microBatch, action.durationNs));
  });
  const tokens = jobTokens(plan);
  return {
    planHash: trace.planHash,
    source: trace.source,
    ...totals,
    jobs: plan.jobs.flatMap(({ name, steps }, job) => {
      // Of a part of a run (`planOfPart`): a job that has made no step.
      if (steps === 0) return [];
      const { startNs, endNs } = spans.get(name)!;
      if (!Number.isFinite(startNs) || !Number.isFinite(endNs)) {
        throw new InputError({
          expected: `the first forward and the last update of job ${name} in the trace`,
          hint: "The trace is not of a whole run.",
        });
      }
      return [
        {
          name,
          steps,
          tokens: tokens[job]!,
          startSeconds: startNs / 1e9,
          endSeconds: endNs / 1e9,
          turnaroundSeconds: endNs / 1e9,
          waitSeconds: startNs / 1e9,
          ...spending.of(name),
        },
      ];
    }),
  };
}
