import { sum } from "../core/index.ts";
import type { Bindings, Device, DeviceOptions, Handle, Operator, Runtime } from "../native/index.ts";
import {
  type ArenaLayout,
  activeJobs,
  adapterBytes,
  arenaLayout,
  computeDtype,
  largestSizes,
  messageBytesPerToken,
  mostResident,
  type Plan,
  pipelineJobs,
  pipelineMicroBatches,
  pipelineTable,
  type Residents,
  type Stage,
  stageLayout,
} from "../plan/index.ts";
import { AdapterRoom } from "./adapter-room.ts";
import { createStageAdapter } from "./adapters.ts";
import { learningRateAt } from "./learning-rate.ts";
import type { LoweredAction } from "./lower-plan.ts";
import type { BaseModel } from "./model-folder.ts";
import type { AdapterPair } from "./peft.ts";
import type { RunInput } from "./run-input.ts";
import { backwardProgram, forwardProgram } from "./stage-programs.ts";
import { loadStageWeights } from "./stage-weights.ts";

/** A stage on its device: weights, adapters, arena and programs. */
export interface StageRunner {
  readonly stage: Stage;
  readonly device: Device;
  readonly arena: ArenaLayout;
  readonly unitBytes: number;
  readonly messageBytesPerToken: number;
  readonly adapters: AdapterRoom;
  /** What the programs are made of, in order. */
  readonly operators: Readonly<Record<"F" | "B", readonly Operator[]>>;
  /** Puts an action into the device's queue. `firstEvent` is added to the event numbers of the lowered plan. */
  enqueue(
    index: number,
    lowered: LoweredAction,
    input: RunInput | undefined,
    firstEvent: number,
    profile: boolean,
  ): void;
}

export interface StageRunnerInput {
  readonly plan: Plan;
  readonly stage: Stage;
  readonly runtime: Runtime;
  readonly device: DeviceOptions;
  readonly model: BaseModel;
  /** By job: the adapter's start. */
  readonly pairs: readonly (readonly AdapterPair[])[];
  readonly stashUnits: number;
  readonly residents: Residents;
  /** Ends when the stages have loaded whose weights this one may share. */
  readonly weightsBefore: Promise<unknown>;
  /** Norm cell of a job on a stage. */
  readonly normCell: (job: number, stage: number) => number;
}

export async function createStageRunner(input: StageRunnerInput): Promise<StageRunner> {
  const { plan, stage, runtime, model, pairs, normCell } = input;
  const { architecture } = plan.model;
  const pipeline = pipelineTable(plan).ofStage(stage.index);
  const pipelineStages = plan.stages.slice(pipeline.firstStage, pipeline.endStage);
  const dtype = computeDtype(plan.model.dtype);
  const spec = plan.devices[stage.device]!;
  const device = runtime.createDevice(input.device);
  const layout = stageLayout({
    architecture,
    stage,
    jobs: pipelineJobs(plan, pipeline).map((job) => plan.jobs[job]!),
    dtype: plan.model.dtype,
    ...largestSizes(pipelineMicroBatches(plan, pipeline)),
    kind: spec.kind,
    threads: spec.threads,
  });
  const arena = arenaLayout(layout, input.stashUnits, plan.buffers[stage.index]!);
  await device.prepareArena(arena.bytes);
  await input.weightsBefore;
  const weights = await loadStageWeights(device, model, stage, plan.model.dtype);
  const bytesOf = (job: number): number => adapterBytes({ architecture, stage, kind: spec.kind }, plan.jobs[job]!);
  const adapters = new AdapterRoom({
    residents: input.residents,
    roomBytes: sum(mostResident(input.residents, bytesOf).map(bytesOf)),
    bytesOf,
    create: (job) => createStageAdapter(device, stage, plan.jobs[job]!.adapter, architecture, pairs[job]!),
  });
  const composed = { architecture, stage, dtype, layout, weights };
  const operators = { F: forwardProgram(composed), B: backwardProgram(composed) };
  const programs: Readonly<Record<"F" | "B", Handle>> = {
    F: device.createProgram(operators.F),
    B: device.createProgram(operators.B),
  };

  const enqueueUpdate = (id: number, { ends, waits, event }: LoweredAction, firstEvent: number): void => {
    const { group, step } = ends!;
    const items = activeJobs(plan, group, step).map((job) => {
      const { optimizer, steps } = plan.jobs[job]!;
      return {
        adapter: adapters.handleOf(job),
        step: step + 1,
        learningRate: learningRateAt(optimizer, step, steps),
        beta1: optimizer.betas[0],
        beta2: optimizer.betas[1],
        eps: optimizer.eps,
        weightDecay: optimizer.weightDecay,
        maxGradNorm: optimizer.maxGradNorm ?? 0,
        normCells: pipelineStages.map(({ index }) => normCell(job, index)),
      };
    });
    device.enqueueUpdate({ id, items, waits: waits.map((wait) => wait + firstEvent), signal: event + firstEvent });
  };

  return {
    stage,
    device,
    arena,
    unitBytes: layout.unitBytes,
    messageBytesPerToken: messageBytesPerToken(plan.model),
    adapters,
    operators,
    enqueue(id, lowered, run, firstEvent, profile) {
      const { action, ends, waits, event, inBuffer, outBuffer } = lowered;
      if (action.letter === "U") {
        enqueueUpdate(id, lowered, firstEvent);
        return;
      }
      const up = action.letter === "F";
      const sumSquares =
        up || ends === undefined
          ? {}
          : {
              sumSquares: activeJobs(plan, ends.group, ends.step).map((job) => ({
                adapter: adapters.handleOf(job),
                cell: normCell(job, stage.index),
              })),
            };
      const bindings: Bindings = {
        ...run!,
        stash: arena.slot(lowered.slot),
        work: arena.work,
        in: inBuffer === undefined ? 0 : arena.buffer(up ? "activationIn" : "gradientIn", inBuffer),
        out: outBuffer === undefined ? 0 : arena.buffer(up ? "activationOut" : "gradientOut", outBuffer),
        ...sumSquares,
        profile,
      };
      device.enqueueRun({
        id,
        program: programs[action.letter],
        bindings,
        waits: waits.map((wait) => wait + firstEvent),
        signal: event + firstEvent,
      });
    },
  };
}
