import { sum } from "../../core/index.ts";
import { decoderDimensions } from "../../plan/index.ts";
import type { CollectiveCost } from "../../sim/index.ts";
import {
  baseParameters,
  fullest,
  headBytes,
  layerActivationBytes,
  type MemoryNeed,
  recomputedBytes,
  stateBytes,
} from "./memory.ts";
import {
  backwardPasses,
  equalRows,
  forwardPasses,
  headTime,
  layerTime,
  type Platform,
  type TrainedModel,
  type Training,
} from "./setting.ts";
import { createStepBuilder, runStep, type StepGraph, type StepWork } from "./step-graph.ts";
import { cutRows, type RowLengths, type StepRows } from "./step-rows.ts";

export interface ShardedChoice {
  /** `fsdp` shards weights and gathers each layer before it is used (Zhao et al. 2023); `ddp` keeps them all on every device. */
  readonly strategy: "fsdp" | "ddp";
  /** Layers gathered ahead of the one in use. */
  readonly prefetch: number;
  /** Whether collectives run beside computation; they do unless it says not. */
  readonly overlap?: boolean;
}

/** The micro-batches of each device: its share of the rows, in order, cut as the step says. */
function sharesOf(step: StepRows, numDevices: number): readonly (readonly RowLengths[])[] {
  const share = step.lengths.length / numDevices;
  return Array.from({ length: numDevices }, (_, device) =>
    cutRows(step.lengths.slice(device * share, (device + 1) * share), Math.min(share, step.microBatchSize)),
  );
}

/** A collective of nothing, as on one device, is left out. */
function isFree({ seconds, flows }: CollectiveCost): boolean {
  return seconds === 0 && (flows ?? []).length === 0;
}

/**
 * Every device trains its share of the rows. FSDP gathers a layer before each pass over it, at most `prefetch` ahead of those in use;
 * gradients are added up layer by layer as soon as the last micro-batch's are there on every device.
 */
export function shardedTasks(
  platform: Platform,
  model: TrainedModel,
  step: StepRows,
  choice: ShardedChoice,
): StepGraph {
  const { arch, full } = model;
  const { numLayers } = arch;
  const { numDevices, interconnect } = platform;
  const devices = Array.from({ length: numDevices }, (_, device) => device);
  const shares = sharesOf(step, numDevices);
  const parts = shares[0]!.length;
  const { parameters } = decoderDimensions(arch);
  const weightBytes = parameters * model.weightBytes;
  // Gradients of base weights, or of the adapter's share of this layer.
  const gradientBytes = full ? 4 * parameters : (4 * model.adapterParameters) / numLayers;
  const reduction = choice.strategy === "fsdp" && full ? "reduce-scatter" : "all-reduce";
  const gather = interconnect.collective(weightBytes, "all-gather");
  const reduce = interconnect.collective(gradientBytes, reduction);
  const gathers = choice.strategy === "fsdp" && !isFree(gather);
  const overlaps = choice.overlap ?? true;
  const collectiveStreams = overlaps ? [numDevices] : devices;
  const prefetch = overlaps ? choice.prefetch : 0;
  const builder = createStepBuilder(numDevices + 1);
  /** Tasks of all devices by layer used, in the order of use. */
  const used: (readonly number[])[] = [];

  for (let part = 0; part < parts; part += 1) {
    const numbered = devices.map((device) => device * parts + part);
    const collective = (
      kind: StepWork["kind"],
      letter: "F" | "B",
      stage: number,
      cost: CollectiveCost,
      bytes: number,
      after: readonly number[],
    ): number => {
      const work = { kind, stage, letter, devices, microBatches: numbered, bytes, heldBytes: 0 };
      return builder.add({ streams: collectiveStreams, after, ...cost, work });
    };
    const compute = (
      letter: "F" | "B",
      stage: number,
      secondsOf: (rows: RowLengths) => number,
      heldOf: (rows: RowLengths) => number,
      after: readonly number[],
    ): readonly number[] =>
      devices.map((device) => {
        const rows = shares[device]![part]!;
        const own = { devices: [device], microBatches: [numbered[device]!] };
        const heldBytes = letter === "F" ? heldOf(rows) : -heldOf(rows);
        const work = { kind: "compute", stage, letter, ...own, bytes: 0, heldBytes } as const;
        return builder.add({ streams: [device], after, seconds: secondsOf(rows), work });
      });
    const layer = (letter: "F" | "B", stage: number): readonly number[] => {
      // A gathered layer takes the memory of one that has been used.
      const freed = used[used.length - 1 - prefetch] ?? [];
      const gathered = gathers ? [collective("all-gather", letter, stage, gather, weightBytes, freed)] : [];
      const passes = letter === "F" ? forwardPasses() : backwardPasses(model);
      const tasks = compute(
        letter,
        stage,
        (rows) => layerTime(platform, model, rows, passes),
        (rows) => layerActivationBytes(model, rows),
        gathered,
      );
      used.push(tasks);
      return tasks;
    };
    const reduceLayer = (stage: number, after: readonly number[]): void => {
      if (part === parts - 1 && !isFree(reduce)) collective(reduction, "B", stage, reduce, gradientBytes, after);
    };
    const head = (letter: "F" | "B"): void => {
      compute(
        letter,
        numLayers,
        (rows) => headTime(platform, model, rows, letter),
        (rows) => headBytes(model, sum(rows)),
        [],
      );
    };

    for (let stage = 0; stage < numLayers; stage += 1) layer("F", stage);
    head("F");
    head("B");
    let waiting: readonly number[] = [];
    for (let stage = numLayers - 1; stage >= 0; stage -= 1) {
      const tasks = layer("B", stage);
      // The gather of the next layer goes in front of this layer's reduction, so that computing does not wait for it.
      if (stage < numLayers - 1) reduceLayer(stage + 1, waiting);
      waiting = tasks;
    }
    reduceLayer(0, waiting);
  }
  return {
    tasks: builder.tasks,
    orders: builder.orders,
    microBatches: shares.flatMap((share) => share.map((rows, part) => ({ tokens: sum(rows), part }))),
  };
}

/**
 * FSDP holds its shard, the layer in use and those gathered ahead; while it is made, each device holds the whole model, which is
 * moved there before it is cut (PyTorch's FullyShardedDataParallel with `device_id`).
 */
export function shardedNeeds(
  platform: Platform,
  model: TrainedModel,
  step: StepRows,
  { strategy, prefetch, overlap = true }: ShardedChoice,
): readonly MemoryNeed[] {
  const { arch, weightBytes } = model;
  const parameters = baseParameters(arch);
  const shards = strategy === "fsdp" ? platform.numDevices : 1;
  const layers = 1 + (overlap ? prefetch : 0);
  const gathered = strategy === "fsdp" ? layers * decoderDimensions(arch).parameters * weightBytes : 0;
  return sharesOf(step, platform.numDevices).map((microBatches) => ({
    weights: (parameters * weightBytes) / shards + gathered,
    state: stateBytes(model, parameters / shards, 1),
    activations: Math.max(
      ...microBatches.map(
        (rows) =>
          arch.numLayers * layerActivationBytes(model, rows) +
          Math.max(headBytes(model, sum(rows)), recomputedBytes(model, rows)),
      ),
    ),
    load: strategy === "fsdp" ? parameters * weightBytes : 0,
  }));
}

/** Equal rows, and all of a device's share at once. */
function wholeShares(training: Training): StepRows {
  return equalRows({ ...training, microBatches: 1 });
}

/** Seconds of a step of equal rows. */
export function shardedStep(platform: Platform, training: Training, choice: ShardedChoice): number {
  return runStep(platform, shardedTasks(platform, training, wholeShares(training), choice)).makespanNs / 1e9;
}

export function shardedMemory(platform: Platform, training: Training, choice: ShardedChoice): MemoryNeed {
  return fullest(platform, shardedNeeds(platform, training, wholeShares(training), choice));
}
