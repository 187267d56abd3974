import { sum } from "../../core/index.ts";
import { decoderDimensions, type LayerPass } from "../../plan/index.ts";
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
import { createStepBuilder, runStep, type StepGraph } from "./step-graph.ts";
import { cutRows, type RowLengths, type StepRows } from "./step-rows.ts";

/** All-reduces of a layer's activations in each pass over it: after attention and after the MLP (Shoeybi et al. 2019, Megatron-LM). */
const REDUCES_PER_PASS = 2;

function repeated({ seconds, flows }: CollectiveCost, times: number): CollectiveCost {
  return {
    seconds: times * seconds,
    ...(flows === undefined ? {} : { flows: flows.map(({ route, bytes }) => ({ route, bytes: times * bytes })) }),
  };
}

/** Bytes that a device keeps of a layer: what enters it is whole on every device, the features inside are split. */
function keptByLayer(model: TrainedModel, rows: RowLengths, split: number): number {
  const { hiddenSize } = model.arch;
  const features = model.recompute ? hiddenSize : decoderDimensions(model.arch).replicatedFeatures;
  const whole = model.activationBytes * features * sum(rows);
  return whole + (layerActivationBytes(model, rows) - whole) / split;
}

/**
 * Every matrix product split over all devices; nothing hides the all-reduces, since each product waits for one. Those of one
 * layer and direction are one task.
 */
export function tensorParallelTasks(platform: Platform, model: TrainedModel, step: StepRows): StepGraph {
  const { arch, activationBytes } = model;
  const split = platform.numDevices;
  const devices = Array.from({ length: split }, (_, device) => device);
  const builder = createStepBuilder(split + 1);
  const microBatches = cutRows(step.lengths, step.microBatchSize);
  let before: readonly number[] = [];

  microBatches.forEach((rows, microBatch) => {
    const everywhere = { devices, microBatches: devices.map(() => microBatch) };
    const bytes = sum(rows) * arch.hiddenSize * activationBytes;
    const reduce = platform.interconnect.collective(bytes, "all-reduce");
    const compute = (letter: "F" | "B", stage: number, seconds: number, heldBytes: number): void => {
      const work = { kind: "compute", stage, letter, ...everywhere, bytes: 0, heldBytes } as const;
      before = [builder.add({ streams: devices, after: before, seconds, work })];
    };
    const layer = (letter: "F" | "B", stage: number, passes: readonly LayerPass[]): void => {
      const kept = keptByLayer(model, rows, split);
      compute(letter, stage, layerTime(platform, model, rows, passes, split), letter === "F" ? kept : -kept);
      if (split === 1) return;
      const reduces = REDUCES_PER_PASS * passes.filter((pass) => pass !== "W").length;
      const work = { kind: "all-reduce", stage, letter, ...everywhere, bytes: reduces * bytes, heldBytes: 0 } as const;
      before = [builder.add({ streams: [split], after: before, ...repeated(reduce, reduces), work })];
    };
    const head = headBytes(model, sum(rows)) / split;
    for (let stage = 0; stage < arch.numLayers; stage += 1) layer("F", stage, forwardPasses());
    compute("F", arch.numLayers, headTime(platform, model, rows, "F", split), head);
    compute("B", arch.numLayers, headTime(platform, model, rows, "B", split), -head);
    for (let stage = arch.numLayers - 1; stage >= 0; stage -= 1) layer("B", stage, backwardPasses(model));
  });
  return {
    tasks: builder.tasks,
    orders: builder.orders,
    microBatches: microBatches.map((rows, part) => ({ tokens: sum(rows), part })),
  };
}

/** What each device needs: micro-batches follow each other, so that the largest one decides. */
export function tensorParallelNeeds(platform: Platform, model: TrainedModel, step: StepRows): readonly MemoryNeed[] {
  const { arch } = model;
  const split = platform.numDevices;
  const parameters = baseParameters(arch) / split;
  const held = cutRows(step.lengths, step.microBatchSize).map(
    (rows) =>
      arch.numLayers * keptByLayer(model, rows, split) +
      Math.max(headBytes(model, sum(rows)), recomputedBytes(model, rows)) / split,
  );
  const need: MemoryNeed = {
    weights: parameters * model.weightBytes,
    state: stateBytes(model, parameters, 1) / (model.full ? 1 : split),
    activations: Math.max(...held),
    load: 0,
  };
  return Array.from({ length: split }, () => need);
}

/** Seconds of a step of equal rows. */
export function tensorParallelStep(platform: Platform, training: Training): number {
  return runStep(platform, tensorParallelTasks(platform, training, equalRows(training))).makespanNs / 1e9;
}

export function tensorParallelMemory(platform: Platform, training: Training): MemoryNeed {
  return fullest(platform, tensorParallelNeeds(platform, training, equalRows(training)));
}
