import { maximum, sum } from "../../core/index.ts";
import { backwardPasses } from "../../plan/index.ts";
import type { CollectiveCost } from "../../sim/index.ts";
import {
  type DeviceNeed,
  deviceNeed,
  keptOf,
  layerGradientBytes,
  layerWeightBytes,
  wholeModel,
} from "./device-needs.ts";
import { type Platform, type TrainedModel, timesOf } from "./platform.ts";
import { createStepBuilder, type StepGraph, type StepWork } from "./step-graph.ts";
import { cutStep, type RowLengths, type StepRows } from "./step-rows.ts";

export interface ShardedChoice {
  /**
   * `fsdp` shards weights and gathers each layer before it is used (Zhao et al. 2023); `ddp` keeps them all on every
   * device.
   */
  readonly strategy: "fsdp" | "ddp";
  /** Layers gathered ahead of the one in use. */
  readonly prefetch: number;
  /** Whether collectives run beside computation; they do unless it says not. */
  readonly overlap?: boolean;
}

/**
 * The micro-batches of each device: its share of the rows, in order, cut as the step says. Collectives are of all
 * devices, so that one that is cut into fewer parts takes part in the others with none of its rows.
 */
function sharesOf({ lengths, cut }: StepRows, numDevices: number): readonly (readonly RowLengths[])[] {
  const share = lengths.length / numDevices;
  const shares = Array.from({ length: numDevices }, (_, device) =>
    cutStep({ lengths: lengths.slice(device * share, (device + 1) * share), cut }),
  );
  const parts = maximum(shares.map((each) => each.length));
  return shares.map((each) => Array.from({ length: parts }, (_, part) => each[part] ?? []));
}

/** A collective of nothing, as on one device, is left out. */
function isFree({ seconds, flows }: CollectiveCost): boolean {
  return seconds === 0 && (flows ?? []).length === 0;
}

/**
 * Every device trains its share of the rows. FSDP gathers a layer before each pass over it, at most `prefetch` ahead of
 * those in use; gradients are added up layer by layer as soon as the last micro-batch's are there on every device.
 */
export function shardedTasks(
  platform: Platform,
  model: TrainedModel,
  step: StepRows,
  choice: ShardedChoice,
): StepGraph {
  const { full, recompute } = model;
  const { numLayers } = model.architecture;
  const { interconnect } = platform;
  const numDevices = platform.devices.length;
  const times = timesOf(platform, model);
  const devices = Array.from({ length: numDevices }, (_, device) => device);
  const shares = sharesOf(step, numDevices);
  const parts = shares[0]!.length;
  const kept = shares.map((share) => share.map((rows) => keptOf(platform, model, rows, { hasHead: true })));
  const weightBytes = layerWeightBytes(platform, model);
  const gradientBytes = layerGradientBytes(model);
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

  for (let index = 0; index < parts; index += 1) {
    const numbered = devices.map((device) => device * parts + index);
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
      part: "layer" | "head",
      after: readonly number[],
    ): readonly number[] =>
      devices.map((device) => {
        const rows = shares[device]![index]!;
        const own = { devices: [device], microBatches: [numbered[device]!] };
        const bytes = kept[device]![index]![part];
        const heldBytes = letter === "F" ? bytes : -bytes;
        const work = { kind: "compute", stage, letter, ...own, bytes: 0, heldBytes } as const;
        return builder.add({ streams: [device], after, seconds: secondsOf(rows), work });
      });
    const layer = (letter: "F" | "B", stage: number): readonly number[] => {
      // A gathered layer takes the memory of one that has been used.
      const freed = used[used.length - 1 - prefetch] ?? [];
      const gathered = gathers ? [collective("all-gather", letter, stage, gather, weightBytes, freed)] : [];
      const passes = letter === "F" ? (["F"] as const) : backwardPasses(recompute, full);
      const tasks = compute(letter, stage, (rows) => times.layer(rows, passes), "layer", gathered);
      used.push(tasks);
      return tasks;
    };
    const reduceLayer = (stage: number, after: readonly number[]): void => {
      if (index === parts - 1 && !isFree(reduce)) collective(reduction, "B", stage, reduce, gradientBytes, after);
    };
    const head = (letter: "F" | "B"): void => {
      compute(letter, numLayers, (rows) => times.head(sum(rows), letter), "head", []);
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
 * FSDP holds its shard, the layer in use and those gathered ahead; while it is made, each device holds the whole model,
 * which is moved there before it is cut (PyTorch's FullyShardedDataParallel with `device_id`).
 */
export function shardedNeeds(
  platform: Platform,
  model: TrainedModel,
  step: StepRows,
  { strategy, prefetch, overlap = true }: ShardedChoice,
): readonly DeviceNeed[] {
  const stage = wholeModel(model);
  const numDevices = platform.devices.length;
  const layers = 1 + (overlap ? prefetch : 0);
  const isSharded = strategy === "fsdp";
  return sharesOf(step, numDevices).map((microBatches) => {
    const kept = microBatches.map((rows) => keptOf(platform, model, rows, { hasHead: true }));
    const share = {
      stages: [stage],
      activations: maximum(kept.map(({ layer, head }) => stage.endLayer * layer + head)),
      workspace: maximum(kept.map(({ workspace }) => workspace)),
    };
    if (!isSharded) return deviceNeed(platform, model, step, share);
    const load = deviceNeed(platform, model, step, share).weights;
    const gatheredBytes = layers * layerWeightBytes(platform, model);
    return deviceNeed(platform, model, step, { ...share, split: numDevices, gatheredBytes, load });
  });
}
