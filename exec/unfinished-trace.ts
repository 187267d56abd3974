import { layoutOfStage, type Plan, pipelineTable, sentBytesPerToken } from "../plan/index.ts";
import type { Trace } from "../traces/index.ts";
import { type ExecutedTraceInput, executedTrace, type SeenAction, type SeenCompletion } from "./executed-trace.ts";
import { lowerPlan } from "./lowering.ts";
import type { StepMetrics } from "./step-metrics.ts";

export interface UnfinishedRun {
  readonly plan: Plan;
  readonly completions: readonly SeenCompletion[];
  readonly metrics: readonly Pick<StepMetrics, "job" | "step" | "loss">[];
  readonly lastSteps?: ExecutedTraceInput["lastSteps"];
  readonly versions: Readonly<Record<string, string>>;
}

/** The trace of what a run's devices reported before it was cut off. Memory is what the plan says. */
export function unfinishedTrace({ plan, completions, metrics, versions, lastSteps = new Map() }: UnfinishedRun): Trace {
  const lowered = lowerPlan(plan);
  const { isFirst } = pipelineTable(plan);
  const seen = completions.map((each): SeenAction => ({ ...each, lowered: lowered[each.stage]![each.done.id]! }));
  /** When each job's steps ended, as `record-completions.ts` has it. */
  const ends = new Map<string, number>();
  for (const { stage, done, lowered: own } of seen) {
    const { action, ends: miniBatch } = own;
    if (done.stream !== "compute" || action.letter !== "B" || !isFirst(stage) || miniBatch === undefined) continue;
    for (const { job, firstStep } of plan.groups[miniBatch.group]!.members)
      ends.set(`${plan.jobs[job]!.name} ${firstStep + miniBatch.step}`, done.endNs);
  }
  return executedTrace({
    plan,
    runners: plan.stages.map((_, stage) => ({
      unitBytes: layoutOfStage(plan, stage).unitBytes,
      messageBytesPerToken: sentBytesPerToken(plan, stage),
    })),
    staticBytes: plan.memory.map(({ total, activations }) => total - activations),
    ...{ versions, lastSteps },
    completions: seen,
    losses: metrics.flatMap(({ job, step, loss }) => {
      const timeNs = ends.get(`${job} ${step}`);
      return timeNs === undefined ? [] : [{ job, value: loss, timeNs }];
    }),
    originNs: completions.reduce((least, { done }) => Math.min(least, done.startNs), Number.POSITIVE_INFINITY),
    samples: plan.stages.map(() => []),
  });
}
