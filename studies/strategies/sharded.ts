import { maximum, sum } from "../../core/index.ts";
import { backwardPasses, type KeptActivations, type LayerTimes } from "../../plan/index.ts";
import type { Collective, CollectiveCost } from "../../sim/index.ts";
import { type BackwardShares, backwardShares } from "./backward-shares.ts";
import {
  type DeviceNeed,
  deviceNeed,
  type HeldLayers,
  keptOf,
  layerGradientBytes,
  layerWeightBytes,
  wholeModel,
} from "./device-needs.ts";
import { type Platform, type TrainedModel, timesOf } from "./platform.ts";
import { createStepBuilder, type StepBuilder, type StepGraph } from "./step-graph.ts";
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

/** What all devices do together with a layer's weights or gradients; not needed where nobody has what another lacks. */
interface LayerCollective {
  readonly kind: Collective;
  readonly bytes: number;
  readonly cost: CollectiveCost;
  readonly isNeeded: boolean;
}

/** The step of one job, made task by task in the order in which its streams run them. */
class ShardedStep {
  readonly #model: TrainedModel;
  readonly #times: LayerTimes;
  readonly #devices: readonly number[];
  readonly #collectiveStreams: readonly number[];
  /** Micro-batches by device, and the activations that each keeps. */
  readonly #shares: readonly (readonly RowLengths[])[];
  readonly #kept: readonly (readonly KeptActivations[])[];
  readonly #ofBackward: readonly (readonly BackwardShares[])[];
  readonly #numParts: number;
  readonly #gather: LayerCollective;
  readonly #reduce: LayerCollective;
  readonly #prefetch: number;
  readonly #builder: StepBuilder;
  /** Tasks of all devices by layer used, in the order of use. */
  readonly #used: (readonly number[])[] = [];
  /** The part that is being made: each device's micro-batch of this index within its share. */
  #part = 0;

  constructor(platform: Platform, model: TrainedModel, step: StepRows, choice: ShardedChoice) {
    const numDevices = platform.devices.length;
    const isSharded = choice.strategy === "fsdp";
    const overlaps = choice.overlap ?? true;
    const collective = (kind: Collective, bytes: number, isNeeded: boolean): LayerCollective => {
      const cost = platform.interconnect.collective(bytes, kind);
      return { kind, bytes, cost, isNeeded: isNeeded && !isFree(cost) };
    };
    this.#model = model;
    this.#times = timesOf(platform, model);
    this.#devices = Array.from({ length: numDevices }, (_, device) => device);
    this.#collectiveStreams = overlaps ? [numDevices] : this.#devices;
    this.#shares = sharesOf(step, numDevices);
    this.#kept = this.#shares.map((share) => share.map((rows) => keptOf(platform, model, rows, { hasHead: true })));
    this.#ofBackward = this.#shares.map((share) => share.map((rows) => backwardShares(this.#times, model, rows)));
    this.#numParts = this.#shares[0]!.length;
    this.#gather = collective("all-gather", layerWeightBytes(platform, model), isSharded);
    const reduction = isSharded && model.full ? "reduce-scatter" : "all-reduce";
    this.#reduce = collective(reduction, layerGradientBytes(model), true);
    this.#prefetch = overlaps ? choice.prefetch : 0;
    this.#builder = createStepBuilder(numDevices + 1);
  }

  build(): StepGraph {
    for (this.#part = 0; this.#part < this.#numParts; this.#part += 1) {
      this.#addForwards();
      this.#addBackwards();
    }
    return {
      tasks: this.#builder.tasks,
      orders: this.#builder.orders,
      microBatches: this.#shares.flatMap((share) => share.map((rows, part) => ({ tokens: sum(rows), part }))),
    };
  }

  #addForwards(): void {
    for (let layer = 0; layer < this.#model.architecture.numLayers; layer += 1) this.#addLayer("F", layer);
    this.#addHead("F");
  }

  #addBackwards(): void {
    const { numLayers } = this.#model.architecture;
    this.#addHead("B");
    let waiting: readonly number[] = [];
    for (let layer = numLayers - 1; layer >= 0; layer -= 1) {
      const tasks = this.#addLayer("B", layer);
      // The gather of the next layer goes in front of this layer's reduction, so that computing does not wait for it.
      if (layer < numLayers - 1) this.#addReduction(layer + 1, waiting);
      waiting = tasks;
    }
    this.#addReduction(0, waiting);
  }

  #addLayer(letter: "F" | "B", layer: number): readonly number[] {
    // A gathered layer takes the memory of one that has been used.
    const freed = this.#used[this.#used.length - 1 - this.#prefetch] ?? [];
    const gathered = this.#gather.isNeeded ? [this.#addCollective(this.#gather, letter, layer, freed)] : [];
    const { recompute, full } = this.#model;
    const passes = letter === "F" ? (["F"] as const) : backwardPasses(recompute, full);
    const tasks = this.#addCompute(letter, layer, (rows) => this.#times.layer(rows, passes), "layer", gathered);
    this.#used.push(tasks);
    return tasks;
  }

  #addHead(letter: "F" | "B"): void {
    const { numLayers } = this.#model.architecture;
    this.#addCompute(letter, numLayers, (rows) => this.#times.head(sum(rows), letter), "head", []);
  }

  /** Gradients are added up once, with those of the last part. */
  #addReduction(layer: number, after: readonly number[]): void {
    const isLast = this.#part === this.#numParts - 1;
    if (isLast && this.#reduce.isNeeded) this.#addCollective(this.#reduce, "B", layer, after);
  }

  #addCollective(
    { kind, bytes, cost }: LayerCollective,
    letter: "F" | "B",
    stage: number,
    after: readonly number[],
  ): number {
    const devices = this.#devices;
    const microBatches = devices.map((device) => this.#microBatch(device));
    const work = { kind, stage, letter, devices, microBatches, bytes, heldBytes: 0 };
    return this.#builder.add({ streams: this.#collectiveStreams, after, ...cost, work });
  }

  /** One task on each device. */
  #addCompute(
    letter: "F" | "B",
    stage: number,
    secondsOf: (rows: RowLengths) => number,
    kept: "layer" | "head",
    after: readonly number[],
  ): readonly number[] {
    return this.#devices.map((device) => {
      const rows = this.#shares[device]![this.#part]!;
      const own = { devices: [device], microBatches: [this.#microBatch(device)] };
      const bytes = this.#kept[device]![this.#part]![kept];
      const heldBytes = letter === "F" ? bytes : -bytes;
      const shares = letter === "B" && kept === "layer" ? { shares: this.#ofBackward[device]![this.#part]! } : {};
      const work = { kind: "compute", stage, letter, ...own, bytes: 0, heldBytes, ...shares } as const;
      return this.#builder.add({ streams: [device], after, seconds: secondsOf(rows), work });
    });
  }

  /** Numbered within the step. */
  #microBatch(device: number): number {
    return device * this.#numParts + this.#part;
  }
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
  return new ShardedStep(platform, model, step, choice).build();
}

/** Every layer on each device: all of its numbers, or with FSDP a shard of them. */
export function shardedLayers(
  { devices }: Platform,
  model: TrainedModel,
  strategy: ShardedChoice["strategy"],
): readonly HeldLayers[] {
  const held = { stages: [wholeModel(model)], ...(strategy === "fsdp" ? { split: devices.length } : {}) };
  return devices.map(() => held);
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
  const { numLayers } = model.architecture;
  const layers = 1 + (overlap ? prefetch : 0);
  const held = shardedLayers(platform, model, strategy);
  return sharesOf(step, platform.devices.length).map((microBatches, device) => {
    const kept = microBatches.map((rows) => keptOf(platform, model, rows, { hasHead: true }));
    const share = {
      stages: held[device]!.stages,
      activations: maximum(kept.map(({ layer, head }) => numLayers * layer + head)),
      workspace: maximum(kept.map(({ workspace }) => workspace)),
    };
    if (strategy === "ddp") return deviceNeed(platform, model, step, share);
    const load = deviceNeed(platform, model, step, share).weights;
    const gatheredBytes = layers * layerWeightBytes(platform, model);
    return deviceNeed(platform, model, step, { ...share, ...held[device]!, gatheredBytes, load });
  });
}
