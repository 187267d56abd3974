import { faultAt } from "../files/index.ts";
import type { Bindings, DeviceFault, Handle, Operator } from "../native/index.ts";
import {
  type ArenaLayout,
  activeJobs,
  activeMembers,
  adapterBytes,
  arenaLayout,
  computeDtype,
  edgeDtypes,
  isSample,
  type LiveWork,
  layoutOfStage,
  learningRateAt,
  type MiniBatch,
  type Pass,
  passOf,
  pipelineTable,
  type RunLetter,
  type Setting,
  type Stage,
  samplingOfStage,
  sentBytesPerToken,
} from "../plan/index.ts";
import { AdapterRoom } from "./adapter-room.ts";
import { createStageAdapter } from "./adapters.ts";
import { SequenceRuns } from "./generation/sequence-runs.ts";
import { StageSampler } from "./generation/stage-sampler.ts";
import type { JobInput } from "./job-input.ts";
import type { LoweredAction } from "./lowering.ts";
import type { RunInput } from "./run-input.ts";
import type { StageDevice, StageHost } from "./stage-host.ts";
import { backwardProgram, forwardProgram } from "./stage-programs.ts";
import { toldOf } from "./told-parts.ts";

/** A stage on its device: weights, adapters, arena and programs. */
export interface StageRunner {
  readonly stage: Stage;
  readonly device: StageDevice;
  readonly arena: ArenaLayout;
  readonly unitBytes: number;
  /** Of what its actions send. */
  readonly messageBytesPerToken: Readonly<Record<Pass, number>>;
  readonly adapters: AdapterRoom;
  /** What the programs are made of, in order. */
  readonly operators: Readonly<Record<RunLetter | "sample", readonly Operator[]>>;
  /** Puts an action into the device's queue. */
  enqueue(lowered: LoweredAction, input: RunInput | undefined, profile: boolean): void;
  /** What answers prompts there; undefined where the plan has none. */
  readonly sampler: StageSampler | undefined;
}

export interface StageRunnerInput {
  readonly setting: Setting;
  readonly stage: Stage;
  readonly host: StageHost;
  /** The number of its pipeline. */
  readonly domain: number;
  readonly live: LiveWork;
  /** What a job starts from, and what it is compared with. */
  inputOf(job: number): Pick<JobInput, "start" | "reference">;
  /** Whether that is there: not while the job is being taken from other devices. */
  isAtHand(job: number): boolean;
  /** A job's adapter is on the stage's device, one of so many of its pipeline. */
  made(job: number, numStages: number): void;
  /** Ends when the stages have loaded whose weights this one may share. */
  readonly weightsBefore: Promise<unknown>;
  /** Norm cell of a job on a stage. */
  normCell(job: number, stage: number): number;
  /** Whether the updates of a mini-batch tell the states of its jobs. */
  tellsState(miniBatch: MiniBatch): boolean;
  readonly profile: boolean;
  /** Tokens that end answers to prompts. */
  readonly stopTokens: ReadonlySet<number>;
}

export async function createStageRunner(input: StageRunnerInput): Promise<StageRunner> {
  const { setting, stage, host, domain, weightsBefore, live, inputOf, isAtHand, normCell, tellsState } = input;
  const { architecture } = setting.model;
  const pipeline = pipelineTable(setting).ofStage(stage.index);
  const pipelineStages = setting.stages.slice(pipeline.firstStage, pipeline.endStage);
  const dtype = computeDtype(setting.model.dtype);
  const { kind } = setting.devices[stage.device]!;
  const memory = setting.memory[stage.index]!;
  const layout = layoutOfStage(setting, stage.index);
  const arena = arenaLayout(layout, memory.activations / layout.unitBytes, setting.buffers[stage.index]!);
  const { device, weights } = await host.openStage({ stage, domain, arenaBytes: arena.bytes, weightsBefore });
  const adapters = new AdapterRoom({
    roomBytes: memory.adapters + memory.optimizer,
    bytesOf: (job) => adapterBytes({ architecture, stage, kind }, live.jobs[job]!),
    create(job) {
      const { adapter } = live.jobs[job]!;
      const made = createStageAdapter(device, stage, adapter, architecture, weights, inputOf(job));
      input.made(job, pipelineStages.length);
      return made;
    },
    isAtHand,
    jobsOf: ({ miniBatch: { group, step }, microBatch: { evaluation, rows } }) =>
      activeMembers(live.groups, group, step).flatMap(({ job, firstStep }) =>
        evaluation === true && rows.every(([own]) => own !== job)
          ? []
          : [{ job, isLast: firstStep + step === live.jobs[job]!.steps - 1 }],
      ),
  });
  const composed = { architecture, stage, dtype, edges: edgeDtypes(setting, stage.index), layout, weights };
  const sampling = samplingOfStage(setting, stage.index);
  const sampler =
    sampling === undefined
      ? undefined
      : new StageSampler({
          ...{ device, architecture, layout: sampling, profile: input.profile, stopTokens: input.stopTokens },
          runs: new SequenceRuns(device, {
            ...{ architecture, stage, dtype: setting.model.dtype, layout: sampling.layout, weights },
            ...{ work: arena.work, cache: arena.work + sampling.cacheOffset, cacheRows: sampling.cacheRows },
            isScored: false,
            adapterOf: (name) => adapters.handleOf(Number(name)),
          }),
        });

  const operators = {
    F: forwardProgram(composed, "gradient"),
    B: backwardProgram(composed),
    E: forwardProgram(composed, "losses"),
    sample: sampler?.operators ?? [],
  };
  const forward = device.createProgram(operators.F);
  const programs: Readonly<Record<RunLetter, Handle>> = {
    F: forward,
    B: device.createProgram(operators.B),
    // Without a head it is the same.
    E: stage.head ? device.createProgram(operators.E) : forward,
  };

  /** Of a micro-batch of which nothing is to be computed, or of prompts that have been answered. */
  const emptyProgram = device.createProgram([]);

  const enqueueUpdate = ({ id, miniBatch, waits, event, leftOut }: LoweredAction): void => {
    const { group, step } = miniBatch;
    const members = activeMembers(live.groups, group, step).filter(({ job }) => leftOut?.jobs.has(job) !== true);
    const items = members.map(({ job, firstStep }) => {
      const planned = live.jobs[job]!;
      const { optimizer, steps } = planned;
      const own = firstStep + step;
      const learningRate = learningRateAt(optimizer, own, steps);
      return {
        adapter: adapters.handleOf(job),
        step: own + 1,
        learningRate,
        learningRateB: learningRate * (optimizer.loraPlusRatio ?? 1),
        beta1: optimizer.betas[0],
        beta2: optimizer.betas[1],
        eps: optimizer.eps,
        weightDecay: optimizer.weightDecay,
        maxGradNorm: optimizer.maxGradNorm ?? 0,
        // A stage that is its whole pipeline names its own cell alone, so that its device need not wait for the host.
        normCells: pipelineStages.map(({ index }) => normCell(job, index)),
        told: toldOf(miniBatch, planned, own, tellsState(miniBatch)),
      };
    });
    device.enqueueUpdate({ id, items, waits, signal: event });
  };

  return {
    stage,
    device,
    arena,
    unitBytes: layout.unitBytes,
    messageBytesPerToken: sentBytesPerToken(setting, stage.index),
    adapters,
    operators,
    sampler,
    enqueue(lowered, run, profile) {
      const { id, action, ends, waits, event, inBuffer, outBuffer, leftOut, listeners } = lowered;
      const fault = faultAt("action");
      if (fault !== undefined) {
        device.enqueueFault({ id, waits, signal: event }, fault as DeviceFault);
        return;
      }
      if (action.letter === "U") {
        enqueueUpdate(lowered);
        return;
      }
      const up = passOf(action.letter) === "F";
      const sumSquares =
        up || ends === undefined
          ? {}
          : {
              sumSquares: activeJobs(live, ends.group, ends.step)
                .filter((job) => leftOut?.jobs.has(job) !== true)
                .map((job) => ({ adapter: adapters.handleOf(job), cell: normCell(job, stage.index) })),
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
        program: leftOut?.all === true || isSample(lowered.microBatch) ? emptyProgram : programs[action.letter],
        bindings,
        waits,
        signal: event,
        ...(listeners.length === 0 ? {} : { listeners }),
      });
    },
  };
}
