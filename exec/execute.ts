import type { Row } from "../datasets/index.ts";
import { createRuntime, type DeviceStatistics, type Handle } from "../native/index.ts";
import { computeDtype, microBatchTokens, type Plan } from "../plan/index.ts";
import type { Trace } from "../traces/index.ts";
import { assignDevices } from "./assign-devices.ts";
import { type LoweredAction, lowerPlan } from "./lower-plan.ts";
import type { BaseModel } from "./model-folder.ts";
import type { AdapterPair } from "./peft.ts";
import { type Progress, type RunProfile, recordCompletions } from "./record-completions.ts";
import { type RunInput, rowNumbers, runInput, scoredTokens } from "./run-input.ts";
import { createStageRunner, type StageRunner } from "./stage-runner.ts";
import type { StepMetrics } from "./step-metrics.ts";

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
  readonly onProgress?: (progress: Progress & { readonly totalActions: number }) => void;
}

export interface ExecuteResult {
  readonly trace: Trace;
  readonly metrics: readonly StepMetrics[];
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
 * all, so that it never holds a long run.
 */
const QUEUE_AHEAD = 256;

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
  const fill = (): void => {
    runners.forEach((runner, stage) => {
      const order = lowered.stages[stage]!;
      while (nextIndex[stage]! < order.length && nextIndex[stage]! < record.ended(stage) + QUEUE_AHEAD) {
        const id = nextIndex[stage]!;
        if (!runner.adapters.admits(id, record.ended(stage))) break;
        const action = order[id]!;
        runner.enqueue(id, action, inputOf(stage, action), firstEvent, input.profile ?? false);
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

  const totalActions = lowered.stages.reduce((sum, order) => sum + order.length, 0);
  let fail: (error: unknown) => void = () => {};
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  runtime.onError((error) => fail(error));
  runtime.onComplete((batch) => {
    try {
      record.add(batch);
      fill();
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
  while (record.progress().doneActions < totalActions) await Promise.race([runtime.idle(), failure]);
  await runtime.idle();
  return {
    ...record.finish(),
    adapters: plan.jobs.map((_, job) => runners.flatMap((runner) => runner.adapters.read(job))),
    operators: runners.map((runner) => runner.operators),
    statistics: runners.map(({ device }) => device.statistics()),
  };
}
