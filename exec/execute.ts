import type { Row } from "../datasets/index.ts";
import { createRuntime, type DeviceStatistics, type Handle } from "../native/index.ts";
import { computeDtype, microBatchTokens, type Plan } from "../plan/index.ts";
import type { Trace } from "../traces/index.ts";
import { assignDevices } from "./assign-devices.ts";
import type { SeenCompletion } from "./executed-trace.ts";
import { JobEnds } from "./job-ends.ts";
import { type LoweredAction, lowerPlan } from "./lower-plan.ts";
import type { BaseModel } from "./model-folder.ts";
import type { AdapterPair } from "./peft.ts";
import { type Progress, type RunProfile, recordCompletions } from "./record-completions.ts";
import { type RunInput, rowNumbers, runInput, scoredTokens } from "./run-input.ts";
import { createStageRunner, type StageRunner } from "./stage-runner.ts";
import type { StepMetrics } from "./step-metrics.ts";
import { type EarlyEnd, endEarly } from "./stop-early.ts";

export interface ExecuteInput {
  readonly plan: Plan;
  readonly model: BaseModel;
  /** Rows of each job, in job order. */
  readonly rows: readonly (readonly Row[])[];
  /** By job: the adapter that it starts from. */
  readonly start: readonly (readonly AdapterPair[])[];
  readonly versions: Readonly<Record<string, string>>;
  /** Report the time of each operator of each run. */
  readonly profile?: boolean;
  /** Sample the devices' speed between actions, every so many nanoseconds; never when absent. */
  readonly sampleEveryNs?: number;
  /** Called when the first action may begin. */
  readonly onStart?: () => void;
  readonly onStep?: (metrics: StepMetrics) => void;
  readonly onProgress?: (progress: RunProgress) => void;
  /** What the devices have reported, as it comes. */
  readonly onCompletions?: (batch: readonly SeenCompletion[]) => void;
  /** A job has ended, with its adapter, all layers, while others go on. */
  readonly onJobEnd?: (job: number, adapter: readonly AdapterPair[]) => void;
  /** Ends the run early when it aborts: mini-batches that have begun are finished, no other begins. */
  readonly stop?: AbortSignal;
}

/** `totalActions` are those of the plan, or fewer once the run is to end early. */
export type RunProgress = Progress & { readonly totalActions: number };

export interface ExecuteResult {
  readonly trace: Trace;
  readonly metrics: readonly StepMetrics[];
  /** Whether the run was ended before the plan's end. */
  readonly endedEarly: boolean;
  /** By job: the trained adapter, all layers. */
  readonly adapters: readonly (readonly AdapterPair[])[];
  /** By stage. */
  readonly statistics: readonly DeviceStatistics[];
  /** By stage: the operators of the programs that ran. */
  readonly operators: readonly StageRunner["operators"][];
  /** With `profile`: one entry a forward or backward. */
  readonly profiles: readonly RunProfile[];
}

/**
 * Actions that a stage's queue may hold ahead: many, so that JavaScript seldom takes a device's core to fill it; not
 * all, so that it never holds a long run; and of long ones fewer, since a run that is to end early runs what is queued.
 * The least is above that at which a device asks for more (native/src/runtime/stream.cc).
 */
const AHEAD = { least: 40, most: 256, seconds: 1 } as const;

/**
 * Runs a plan's actions in the plan's order on this machine's devices.
 * @throws DeviceError when a device cannot do what the plan asks for.
 */
export async function executePlan(input: ExecuteInput): Promise<ExecuteResult> {
  const { plan, model, rows } = input;
  const devices = assignDevices(plan);
  using runtime = createRuntime();
  const lowered = lowerPlan(plan);
  const firstCell = runtime.createNormCells(plan.jobs.length * plan.stages.length);
  const normCell = (job: number, stage: number): number => firstCell + job * plan.stages.length + stage;
  const runners = plan.stages.map((stage, s) =>
    createStageRunner({
      plan,
      stage,
      runtime,
      device: devices[s]!,
      model,
      pairs: input.start,
      stashUnits: lowered.stash[s]!.peak,
      residents: lowered.residents[s]!,
      normCell,
    }),
  );
  const firstEvent = runtime.createEvents(lowered.numEvents);
  const scored = scoredTokens(plan);
  const numbers = rowNumbers(plan);

  const inputs = plan.stages.map(() => new Map<number, RunInput>());
  const inputOf = (stage: number, { action }: LoweredAction): RunInput | undefined => {
    if (action.letter === "U") return undefined;
    const cache = inputs[stage]!;
    let run = cache.get(action.microBatch);
    if (run === undefined) {
      const { adapters } = runners[stage]!;
      const handleOf = (job: number): Handle => adapters.handleOf(job);
      run = runInput(plan, plan.microBatches[action.microBatch]!, rows, scored, numbers[action.microBatch]!, handleOf);
      cache.set(action.microBatch, run);
    }
    if (action.letter === "B") cache.delete(action.microBatch);
    return run;
  };

  const record = recordCompletions({
    plan,
    lowered,
    runners,
    scored,
    versions: input.versions,
    ...(input.onStep === undefined ? {} : { onStep: input.onStep }),
  });
  const nextIndex = plan.stages.map(() => 0);
  const numEnqueued = plan.stages.map(() => 0);
  let early: EarlyEnd | undefined;
  const aheadOf = (stage: number): number => {
    const mean = record.meanSeconds(stage);
    const wanted = mean === 0 ? AHEAD.least : Math.ceil(AHEAD.seconds / mean);
    return Math.min(AHEAD.most, Math.max(AHEAD.least, wanted));
  };
  const fill = (): void => {
    runners.forEach((runner, stage) => {
      const order = lowered.stages[stage]!;
      const ahead = aheadOf(stage);
      while (nextIndex[stage]! < order.length && numEnqueued[stage]! < record.ended(stage) + ahead) {
        const id = nextIndex[stage]!;
        const planned = order[id]!;
        if (early?.skips(planned)) {
          nextIndex[stage] = id + 1;
          continue;
        }
        if (!runner.adapters.admits(id, record.ended(stage))) break;
        const action = early === undefined ? planned : early.without(planned);
        runner.enqueue(id, action, inputOf(stage, action), firstEvent, input.profile ?? false);
        numEnqueued[stage]! += 1;
        const { send } = action;
        if (send !== undefined) {
          const up = action.action.letter === "F";
          const target = runners[send.toStage]!;
          runner.device.enqueueSend({
            id,
            source: runner.arena.buffer(up ? "activationOut" : "gradientOut", action.outBuffer!),
            bytes: microBatchTokens(plan.microBatches[action.action.microBatch]!) * runner.messageBytesPerToken,
            destination: target.device,
            destinationOffset: target.arena.buffer(up ? "activationIn" : "gradientIn", send.toBuffer),
            waits: send.waits.map((wait) => wait + firstEvent),
            signal: send.event + firstEvent,
          });
        }
        nextIndex[stage] = id + 1;
      }
    });
  };

  let fail: (error: unknown) => void = () => {};
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  let totalActions = lowered.stages.reduce((sum, order) => sum + order.length, 0);
  const stop = (): void => {
    try {
      early = endEarly(plan, lowered, nextIndex);
      totalActions = early.numActions;
      for (const { adapters } of runners) adapters.close();
      fill();
    } catch (error) {
      fail(error);
    }
  };
  const jobEnds = new JobEnds(plan);
  const adapterOf = (job: number): readonly AdapterPair[] => runners.flatMap((runner) => runner.adapters.read(job));
  runtime.onError((error) => fail(error));
  runtime.onComplete((batch) => {
    try {
      const seen = record.add(batch);
      fill();
      input.onCompletions?.(seen);
      if (input.onJobEnd !== undefined) {
        for (const { stage, done } of seen) {
          if (done.stream !== "compute") continue;
          for (const job of jobEnds.after(lowered.stages[stage]![done.id]!)) input.onJobEnd(job, adapterOf(job));
        }
      }
      input.onProgress?.({ ...record.progress(), totalActions });
    } catch (error) {
      fail(error);
    }
  });
  // What is set up runs on the devices' threads as well: none starts the plan while another still packs its weights.
  await Promise.race([runtime.idle(), failure]);
  for (const { device } of input.sampleEveryNs === undefined ? [] : runners)
    device.sampleSpeed(computeDtype(plan.model.dtype), input.sampleEveryNs!);
  fill();
  input.onStart?.();
  runtime.signal(firstEvent + lowered.startEvent);
  if (input.stop?.aborted) stop();
  else input.stop?.addEventListener("abort", stop);
  try {
    while (record.progress().doneActions < totalActions) await Promise.race([runtime.idle(), failure]);
    await runtime.idle();
  } finally {
    input.stop?.removeEventListener("abort", stop);
  }
  return {
    ...record.finish(),
    endedEarly: early !== undefined,
    adapters: plan.jobs.map((_, job) => adapterOf(job)),
    operators: runners.map((runner) => runner.operators),
    statistics: runners.map(({ device }) => device.statistics()),
  };
}
