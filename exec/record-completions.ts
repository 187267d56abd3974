import { type Nanos, nanos } from "../core/index.ts";
import type { Completion } from "../native/index.ts";
import {
  type Action,
  activeJobs,
  dependencyTable,
  formatAction,
  jobSegments,
  microBatchJobs,
  microBatchTokens,
  type Plan,
} from "../plan/index.ts";
import { createTraceRecorder, type Trace, type TraceEvent } from "../traces/index.ts";
import type { LoweredAction, LoweredPlan } from "./lower-plan.ts";
import type { StageRunner } from "./stage-runner.ts";
import { collectStepMetrics, type StepMetrics } from "./step-metrics.ts";

export interface Progress {
  readonly doneActions: number;
  /** Tokens of the micro-batches whose backward has left stage 0. */
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
  add(batch: readonly Completion[]): void;
  /** Actions of a stage that have ended. */
  ended(stage: number): number;
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
  const collector = collectStepMetrics(plan, scored);
  const metrics: StepMetrics[] = [];
  const profiles: RunProfile[] = [];
  const recorder = createTraceRecorder({
    source: "executed",
    planHash: plan.hash,
    calibrationHash: plan.calibrationHash,
    versions,
    devices: plan.devices.map(({ name }) => name),
  });
  const stageOfDevice = new Map(runners.map(({ device }, stage) => [device.name, stage]));
  const deviceOf = (stage: number): number => plan.stages[stage]!.device;
  /** All that a device holds but its activation slots; the matrix products' scratch comes with the first runs. */
  const staticBytes = (stage: number): number => {
    const { device, slotBytes } = runners[stage]!;
    const { weightsBytes, arenaBytes, adaptersBytes, otherBytes } = device.statistics().memory;
    return weightsBytes + arenaBytes + adaptersBytes + otherBytes - lowered.numSlots[stage]! * slotBytes;
  };
  const inFlight = plan.stages.map(() => 0);
  const endedActions = plan.stages.map(() => 0);
  let originNs: number | undefined;
  let lastNs = 0;
  let tokens = 0;
  const time = (ns: number): Nanos => nanos(Math.round(ns - originNs!));

  const eventOf = (action: Action, done: Completion): TraceEvent => {
    const microBatch = plan.microBatches[action.microBatch]!;
    const startNs = time(done.startNs);
    return {
      action: formatAction(action),
      device: deviceOf(action.stage),
      stream: "compute",
      startNs,
      durationNs: nanos(time(done.endNs) - startNs),
      ...action,
      jobs: microBatchJobs(microBatch, plan.jobs),
      step: microBatch.step,
      part: microBatch.part,
      tokens: microBatchTokens(microBatch),
    };
  };

  const sampleMemory = (stage: number, change: number, ns: number): void => {
    inFlight[stage]! += change;
    const value = staticBytes(stage) + inFlight[stage]! * runners[stage]!.slotBytes;
    recorder.addCounter({ counter: "memory", device: deviceOf(stage), timeNs: time(ns), value });
  };

  const finishStageZero = ({ action, ends }: LoweredAction, done: Completion): void => {
    const microBatch = plan.microBatches[action.microBatch]!;
    if (action.letter === "F" && microBatch.part === 0)
      collector.began(table.miniBatchOf(action.microBatch), done.startNs);
    if (action.letter !== "B") return;
    tokens += microBatchTokens(microBatch);
    if (ends === undefined) return;
    for (const row of collector.ended(ends, done.endNs)) {
      metrics.push(row);
      recorder.addCounter({
        counter: "loss",
        device: deviceOf(plan.stages.length - 1),
        job: row.job,
        timeNs: time(done.endNs),
        value: row.loss,
      });
      onStep?.(row);
    }
  };

  const finishCompute = (stage: number, done: Completion): void => {
    const lower = lowered.stages[stage]![done.id]!;
    const { action, ends } = lower;
    recorder.add(eventOf(action, done));
    endedActions[stage]! += 1;
    if (action.letter === "F") sampleMemory(stage, 1, done.startNs);
    if (action.letter === "B") sampleMemory(stage, -1, done.endNs);
    if (done.losses !== undefined) {
      const jobs = jobSegments(plan.microBatches[action.microBatch]!).map(({ job }) => job);
      collector.addLosses(action.microBatch, jobs, done.losses);
    }
    if (done.sumSquares !== undefined && ends !== undefined)
      collector.addSquares(stage, ends, activeJobs(plan, ends.group, ends.step), done.sumSquares);
    if (done.opNs !== undefined)
      profiles.push({
        action,
        seconds: (done.endNs - done.startNs) / 1e9,
        operatorSeconds: Array.from(done.opNs, (ns) => ns / 1e9),
      });
    if (stage === 0) finishStageZero(lower, done);
  };

  const finishSend = (stage: number, done: Completion): void => {
    const { action, send } = lowered.stages[stage]![done.id]!;
    const event = eventOf(action, done);
    const bytes = event.tokens * runners[stage]!.messageBytesPerToken;
    recorder.add({ ...event, stream: "send", bytes });
    recorder.add({ ...event, stream: "receive", device: deviceOf(send!.toStage), bytes });
  };

  return {
    add(batch) {
      originNs ??= Math.min(...batch.map(({ startNs }) => startNs));
      for (const done of batch) {
        lastNs = Math.max(lastNs, done.endNs);
        const stage = stageOfDevice.get(done.device)!;
        if (done.stream === "send") finishSend(stage, done);
        else finishCompute(stage, done);
      }
    },
    ended: (stage) => endedActions[stage]!,
    progress: () => ({
      doneActions: endedActions.reduce((sum, count) => sum + count, 0),
      tokens,
      seconds: (lastNs - (originNs ?? lastNs)) / 1e9,
    }),
    finish: () => ({ trace: recorder.finish(), metrics, profiles }),
  };
}
