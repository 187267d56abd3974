import { type Nanos, nanos } from "../core/index.ts";
import type { Completion, SpeedSample } from "../native/index.ts";
import {
  activeMembers,
  bytesInUse,
  formatAction,
  microBatchJobs,
  microBatchTokens,
  type Plan,
  passOf,
  pipelineJobs,
} from "../plan/index.ts";
import { createTraceRecorder, type Trace, type TraceEvent } from "../traces/index.ts";
import type { Sampled } from "./generation/stage-sampler.ts";
import { interruptions } from "./interruptions.ts";
import type { LoweredAction } from "./lowering.ts";
import type { StageRunner } from "./stage-runner.ts";

/** What a stage's device reported. */
export interface SeenCompletion {
  readonly stage: number;
  readonly done: Completion;
}

/** The same, with the action that it is of. */
export interface SeenAction extends SeenCompletion {
  readonly lowered: LoweredAction;
  /** Of prompts, what was answered. */
  readonly sampled?: Sampled | undefined;
}

export interface SeenLoss {
  readonly job: string;
  readonly value: number;
  /** On the clock of the completions. */
  readonly timeNs: number;
}

export interface ExecutedTraceInput {
  readonly plan: Plan;
  readonly runners: readonly Pick<StageRunner, "unitBytes" | "messageBytesPerToken">[];
  /** By stage: all that its device holds but its activation slots. */
  readonly staticBytes: readonly number[];
  readonly versions: Readonly<Record<string, string>>;
  /** By job that has trained no further, its last step, from 0. */
  readonly lastSteps: ReadonlyMap<number, number>;
  /** In order within each stream. */
  readonly completions: readonly SeenAction[];
  readonly losses: readonly SeenLoss[];
  /** By stage. */
  readonly samples: readonly (readonly SpeedSample[])[];
  /** When the trace begins, on the clock of the completions. */
  readonly originNs: number;
}

/** Whether an action is of a mini-batch that some job has made: what jobs did behind their last steps is of no account. */
function isMade({ plan, lastSteps }: Pick<ExecutedTraceInput, "plan" | "lastSteps">) {
  return ({ lowered: { miniBatch } }: SeenAction): boolean =>
    lastSteps.size === 0 ||
    activeMembers(plan.groups, miniBatch.group, miniBatch.step).some(
      ({ job, firstStep }) => firstStep + miniBatch.step <= (lastSteps.get(job) ?? Number.POSITIVE_INFINITY),
    );
}

/** The trace of a run that has ended. */
export function executedTrace({ completions, ...given }: ExecutedTraceInput): Trace {
  const { plan, runners, versions, originNs } = given;
  const input = { ...given, completions: completions.filter(isMade(given)) };
  const recorder = createTraceRecorder({
    source: "executed",
    planHash: plan.hash,
    calibrationHash: plan.calibrationHash,
    versions,
    devices: plan.devices.map(({ name }) => name),
    ...interruptions(input),
  });
  const deviceOf = (stage: number): number => plan.stages[stage]!.device;
  const time = (ns: number): Nanos => nanos(Math.round(ns - originNs));

  const eventOf = ({ action, microBatch }: LoweredAction, done: Completion): TraceEvent => {
    const startNs = time(done.startNs);
    return {
      action: formatAction(action),
      device: deviceOf(action.stage),
      stream: "compute",
      startNs,
      durationNs: nanos(time(done.endNs) - startNs),
      ...(done.interruptedNs === undefined ? {} : { interruptedNs: nanos(Math.round(done.interruptedNs)) }),
      ...(done.delayedNs === undefined ? {} : { delayedNs: nanos(Math.round(done.delayedNs)) }),
      ...action,
      jobs: microBatchJobs(microBatch, plan.jobs),
      step: microBatch.step,
      part: microBatch.part,
      tokens: microBatchTokens(microBatch),
    };
  };

  const addCompute = ({ stage, done, lowered }: SeenAction): void => {
    const { action, usedUnits, leftUnits } = lowered;
    const { letter } = action;
    recorder.add(eventOf(lowered, done));
    if (letter === "U") return;
    const sample = (ns: number, units: number): void =>
      recorder.addCounter({
        counter: "memory",
        device: deviceOf(stage),
        timeNs: time(ns),
        value: bytesInUse(units, input.staticBytes[stage]!, runners[stage]!.unitBytes),
      });
    if (letter !== "B") sample(done.startNs, usedUnits);
    if (letter !== "F") sample(done.endNs, leftUnits);
  };

  /** Messages to stages of other ranks of which one side has been told. */
  const halves = new Map<LoweredAction, Completion>();
  const addMessage = ({ stage, done, lowered }: SeenAction): void => {
    let [send, receive] = [done, done];
    if (lowered.send!.receiveWaits !== undefined) {
      const other = halves.get(lowered);
      if (other === undefined) {
        halves.set(lowered, done);
        return;
      }
      halves.delete(lowered);
      const [own, theirs] = done.stream === "send" ? [done, other] : [other, done];
      // Bytes are on their way from when both sides are ready until they are there: a send ends before that.
      send = { ...own, endNs: Math.max(own.endNs, theirs.endNs) };
      receive = { ...theirs, startNs: Math.min(Math.max(own.startNs, theirs.startNs), theirs.endNs) };
    }
    const { microBatch, action } = lowered;
    const bytes = microBatchTokens(microBatch) * runners[stage]!.messageBytesPerToken[passOf(action.letter)];
    recorder.add({ ...eventOf(lowered, send), stream: "send", bytes });
    recorder.add({ ...eventOf(lowered, receive), stream: "receive", device: deviceOf(lowered.send!.toStage), bytes });
  };

  for (const seen of input.completions) (seen.done.stream === "compute" ? addCompute : addMessage)(seen);
  const lossDevices = new Map(
    plan.pipelines.flatMap(({ endStage }, pipeline) =>
      pipelineJobs(plan, pipeline).map((job) => [plan.jobs[job]!.name, deviceOf(endStage - 1)]),
    ),
  );
  // A job that diverges has a curve that ends there.
  for (const { job, value, timeNs } of input.losses.filter((loss) => Number.isFinite(loss.value)))
    recorder.addCounter({ counter: "loss", device: lossDevices.get(job)!, job, timeNs: time(timeNs), value });
  return recorder.finish();
}
