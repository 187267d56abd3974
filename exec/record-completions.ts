import type { Completion } from "../native/index.ts";
import {
  type Action,
  activeJobs,
  dependencyTable,
  jobSegments,
  microBatchTokens,
  type Plan,
  pipelineTable,
} from "../plan/index.ts";
import type { Trace } from "../traces/index.ts";
import { executedTrace, type SeenCompletion, type SeenLoss } from "./executed-trace.ts";
import type { LoweredAction, LoweredPlan } from "./lower-plan.ts";
import type { StageRunner } from "./stage-runner.ts";
import { collectStepMetrics, type StepMetrics } from "./step-metrics.ts";

export interface Progress {
  readonly doneActions: number;
  /** Tokens of the micro-batches whose backward has left the first stage of their pipeline. */
  readonly tokens: number;
  /** Since the first action began. */
  readonly seconds: number;
}

/** Times of a run's operators, in the order of its program. */
export interface RunProfile {
  readonly action: Action;
  readonly seconds: number;
  readonly operatorSeconds: readonly number[];
}

/** Turns what the devices report into trace events, counters and step metrics. */
export interface ExecutionRecord {
  /** Returns the batch with its stages. */
  add(batch: readonly Completion[]): readonly SeenCompletion[];
  /** Actions of a stage that have ended: all in front of this one in its order. */
  ended(stage: number): number;
  /** Of a stage's actions that have ended; 0 before the first. */
  meanSeconds(stage: number): number;
  progress(): Progress;
  finish(): {
    readonly trace: Trace;
    readonly metrics: readonly StepMetrics[];
    readonly profiles: readonly RunProfile[];
  };
}

export interface RecordInput {
  readonly plan: Plan;
  readonly lowered: LoweredPlan;
  readonly runners: readonly StageRunner[];
  readonly scored: readonly Float64Array[];
  readonly versions: Readonly<Record<string, string>>;
  readonly onStep?: (metrics: StepMetrics) => void;
}

export function recordCompletions({ plan, lowered, runners, scored, versions, onStep }: RecordInput): ExecutionRecord {
  const table = dependencyTable(plan);
  const { isFirst } = pipelineTable(plan);
  const collector = collectStepMetrics(plan, scored);
  const metrics: StepMetrics[] = [];
  const stageOfDevice = new Map(runners.map(({ device }, stage) => [device.name, stage]));
  /**
   * All that a device held at most but its activation slots: its first runs bring the matrix products' scratch, and
   * adapters come and go.
   */
  const staticBytes = (stage: number): number => {
    const { device, unitBytes } = runners[stage]!;
    return device.statistics().memory.peakBytes - lowered.stash[stage]!.peak * unitBytes;
  };
  const endedActions = plan.stages.map(() => 0);
  const computedNs = plan.stages.map(() => 0);
  // JavaScript runs on the devices' cores: the trace is made of these when the run has ended.
  const completions: SeenCompletion[] = [];
  const losses: SeenLoss[] = [];
  let originNs: number | undefined;
  let lastNs = 0;
  let tokens = 0;

  const finishFirstStage = ({ action, ends }: LoweredAction, done: Completion): void => {
    const microBatch = plan.microBatches[action.microBatch]!;
    if (action.letter === "F" && microBatch.part === 0)
      collector.began(table.miniBatchOf(action.microBatch), done.startNs);
    if (action.letter !== "B") return;
    tokens += microBatchTokens(microBatch);
    if (ends === undefined) return;
    for (const row of collector.ended(ends, done.endNs)) {
      metrics.push(row);
      losses.push({ job: row.job, value: row.loss, timeNs: done.endNs });
      onStep?.(row);
    }
  };

  const finishCompute = (stage: number, done: Completion): void => {
    const lower = lowered.stages[stage]![done.id]!;
    const { action, ends } = lower;
    endedActions[stage]! += 1;
    computedNs[stage]! += done.endNs - done.startNs;
    if (done.losses !== undefined) {
      const jobs = jobSegments(plan.microBatches[action.microBatch]!).map(({ job }) => job);
      collector.addLosses(action.microBatch, jobs, done.losses);
    }
    if (done.sumSquares !== undefined && ends !== undefined)
      collector.addSquares(stage, ends, activeJobs(plan, ends.group, ends.step), done.sumSquares);
    if (isFirst(stage)) finishFirstStage(lower, done);
  };

  const profileOf = ({ stage, done }: SeenCompletion): readonly RunProfile[] => {
    const { id, startNs, endNs, opNs } = done;
    if (opNs === undefined) return [];
    const { action } = lowered.stages[stage]![id]!;
    return [
      {
        action,
        seconds: (endNs - startNs) / 1e9,
        operatorSeconds: Array.from(opNs, (ns) => ns / 1e9),
      },
    ];
  };

  return {
    add(batch) {
      // Pipelines begin together, but one may report before another that began earlier.
      originNs = Math.min(originNs ?? Number.POSITIVE_INFINITY, ...batch.map(({ startNs }) => startNs));
      const seen = batch.map((done): SeenCompletion => ({ stage: stageOfDevice.get(done.device)!, done }));
      for (const each of seen) {
        const { stage, done } = each;
        lastNs = Math.max(lastNs, done.endNs);
        completions.push(each);
        if (done.stream === "compute") finishCompute(stage, done);
      }
      return seen;
    },
    ended: (stage) => endedActions[stage]!,
    meanSeconds: (stage) => (endedActions[stage] === 0 ? 0 : computedNs[stage]! / endedActions[stage]! / 1e9),
    progress: () => ({
      doneActions: endedActions.reduce((sum, count) => sum + count, 0),
      tokens,
      seconds: (lastNs - (originNs ?? lastNs)) / 1e9,
    }),
    finish: () => ({
      trace: executedTrace({
        plan,
        lowered,
        runners,
        staticBytes: runners.map((_, stage) => staticBytes(stage)),
        versions,
        completions,
        losses,
        originNs: originNs ?? 0,
        samples: runners.map(({ device }) => device.takeSpeedSamples()),
      }),
      metrics,
      profiles: completions.flatMap(profileOf),
    }),
  };
}
