import { maximum, sum } from "../../core/index.ts";
import { backwardPasses, COMPUTE_BYTES, type LayerPass } from "../../plan/index.ts";
import type { CollectiveCost } from "../../sim/index.ts";
import { backwardShares } from "./backward-shares.ts";
import { type DeviceNeed, deviceNeed, type HeldLayers, keptOf, wholeModel } from "./device-needs.ts";
import { computeOf, type Platform, type TrainedModel, timesOf } from "./platform.ts";
import { createStepBuilder, type StepGraph } from "./step-graph.ts";
import { cutStep, type StepRows } from "./step-rows.ts";

/**
 * All-reduces of a layer's activations in each pass over it: after attention and after the MLP (Shoeybi et al. 2019,
 * Megatron-LM).
 */
const REDUCES_PER_PASS = 2;

function repeated({ seconds, flows }: CollectiveCost, times: number): CollectiveCost {
  return {
    seconds: times * seconds,
    ...(flows === undefined ? {} : { flows: flows.map(({ route, bytes }) => ({ route, bytes: times * bytes })) }),
  };
}

/**
 * Every matrix product split over all devices; nothing hides the all-reduces, since each product waits for one. Those
 * of one layer and direction are one task.
 */
export function tensorParallelTasks(platform: Platform, model: TrainedModel, step: StepRows): StepGraph {
  const { architecture, recompute, full } = model;
  const { numLayers, hiddenSize } = architecture;
  const split = platform.devices.length;
  const times = timesOf(platform, model, split);
  const devices = Array.from({ length: split }, (_, device) => device);
  const builder = createStepBuilder(split + 1);
  const microBatches = cutStep(step);
  let before: readonly number[] = [];

  microBatches.forEach((rows, microBatch) => {
    const kept = keptOf(platform, model, rows, { hasHead: true, split });
    const everywhere = { devices, microBatches: devices.map(() => microBatch) };
    const bytes = sum(rows) * hiddenSize * COMPUTE_BYTES[computeOf(model)];
    const reduce = platform.interconnect.collective(bytes, "all-reduce");
    const shares = backwardShares(times, model, rows);
    const compute = (letter: "F" | "B", stage: number, seconds: number, heldBytes: number): void => {
      const isLayersBackward = letter === "B" && stage < numLayers;
      const own = isLayersBackward ? { shares } : {};
      const work = { kind: "compute", stage, letter, ...everywhere, bytes: 0, heldBytes, ...own } as const;
      before = [builder.add({ streams: devices, after: before, seconds, work })];
    };
    const layer = (letter: "F" | "B", stage: number, passes: readonly LayerPass[]): void => {
      compute(letter, stage, times.layer(rows, passes), letter === "F" ? kept.layer : -kept.layer);
      if (split === 1) return;
      const reduces = REDUCES_PER_PASS * passes.filter((pass) => pass !== "W").length;
      const work = { kind: "all-reduce", stage, letter, ...everywhere, bytes: reduces * bytes, heldBytes: 0 } as const;
      before = [builder.add({ streams: [split], after: before, ...repeated(reduce, reduces), work })];
    };
    for (let stage = 0; stage < numLayers; stage += 1) layer("F", stage, ["F"]);
    compute("F", numLayers, times.head(sum(rows), "F"), kept.head);
    compute("B", numLayers, times.head(sum(rows), "B"), -kept.head);
    for (let stage = numLayers - 1; stage >= 0; stage -= 1) layer("B", stage, backwardPasses(recompute, full));
  });
  return {
    tasks: builder.tasks,
    orders: builder.orders,
    microBatches: microBatches.map((rows, part) => ({ tokens: sum(rows), part })),
  };
}

/** A part of every matrix of every layer on each device. */
export function tensorParallelLayers({ devices }: Platform, model: TrainedModel): readonly HeldLayers[] {
  const held = { stages: [wholeModel(model)], split: devices.length };
  return devices.map(() => held);
}

/** What each device needs: micro-batches follow each other, so that the largest one decides. */
export function tensorParallelNeeds(platform: Platform, model: TrainedModel, step: StepRows): readonly DeviceNeed[] {
  const split = platform.devices.length;
  const { numLayers } = model.architecture;
  const kept = cutStep(step).map((rows) => keptOf(platform, model, rows, { hasHead: true, split }));
  const most = {
    activations: maximum(kept.map(({ layer, head }) => numLayers * layer + head)),
    workspace: maximum(kept.map(({ workspace }) => workspace)),
  };
  return tensorParallelLayers(platform, model).map((held) => deviceNeed(platform, model, step, { ...held, ...most }));
}
