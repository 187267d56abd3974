import { sum } from "../../core/index.ts";
import { edgeDtypes } from "../actions/message-bytes.ts";
import { halvesBounds, numLayersOf, rangeOfHalves } from "../actions/stage-layers.ts";
import { stageOperators } from "../costs/operators.ts";
import { targetsOf } from "../costs/stage-shapes.ts";
import type { MicroBatch, PlannedJob } from "../documents/segment.ts";
import type { Stage } from "../documents/setting.ts";
import { givenStages, partitionLayers } from "./partition.ts";
import type { Costed } from "./request.ts";

/** What the layers are divided for. */
export interface DividedWork {
  readonly jobs: readonly PlannedJob[];
  readonly microBatches: readonly MicroBatch[];
}

/** Micro-batches that stand for all when layers are divided. */
const SAMPLES = 8;

/** Micro-batches of all sizes: every so many of them, in order. */
function sampled(microBatches: readonly MicroBatch[]): readonly MicroBatch[] {
  const count = Math.min(SAMPLES, microBatches.length);
  return Array.from({ length: count }, (_, i) => microBatches[Math.floor((i * microBatches.length) / count)]!);
}

/**
 * What a stage costs on its device, for the division of layers: seconds of forward and backward of some micro-batches,
 * or, where an action takes a fixed time, operations.
 */
export function stageCosts(request: Costed, { jobs, microBatches }: DividedWork): (stage: Stage) => number {
  const { architecture, dtype, recompute, calibration, costModel, devices } = request;
  const samples = sampled(microBatches.filter(({ evaluation }) => evaluation === undefined));
  const targets = targetsOf(jobs);
  const known = new Map<string, number>();
  const edgesOf = ({ index }: Stage) => edgeDtypes({ model: request, links: request.links }, index);
  const costOf = (stage: Stage): number => {
    const shape = { architecture, stage, edges: edgesOf(stage), jobs, targets, dtype };
    const device = devices[stage.device]!;
    return sum(
      samples.flatMap((microBatch) =>
        (["F", "B"] as const).map((letter) =>
          calibration.model === "constant"
            ? sum(stageOperators(shape, letter, microBatch).map((call) => call.calls * call.flops))
            : costModel.actionSeconds({ letter, device, shape, microBatch, updatedJobs: [] }),
        ),
      ),
    );
  };
  const direct = (draft: Stage): number => {
    const stage = recompute === "layer" ? { ...draft, recomputedLayers: numLayersOf(draft) } : draft;
    const same = costModel.sameCosts?.(stage, devices[stage.device]!, edgesOf(stage));
    if (same === undefined) return costOf(stage);
    const found = known.get(same) ?? costOf(stage);
    known.set(same, found);
    return found;
  };
  return costModel.sameCosts === undefined ? direct : byLayers(direct);
}

/** A stage of so many halves is not taken for shorter ones with a layer more each. */
const SHORT_HALVES = 6;

/**
 * Costs of stages that depend on nothing but how much of the model they have: every whole layer adds the same, so that
 * two stages say it of all longer ones with the same ends.
 */
function byLayers(cost: (stage: Stage) => number): (stage: Stage) => number {
  const known: number[][] = [];
  return (stage) => {
    const [start, end] = halvesBounds(stage);
    const length = end - start;
    known[stage.index] ??= [];
    const own = known[stage.index]!;
    const ofLength = (halves: number): number => {
      const place = 2 * halves + (start % 2);
      own[place] ??= cost({ ...stage, ...rangeOfHalves(start % 2, (start % 2) + halves) });
      return own[place];
    };
    if (length < SHORT_HALVES + 2) return ofLength(length);
    const short = SHORT_HALVES + (length % 2);
    const [least, more] = [ofLength(short), ofLength(short + 2)];
    return least + ((length - short) / 2) * (more - least);
  };
}

/** The stages of a request: as they are given, else with the slowest as fast as possible on this work. */
export function divideLayers(request: Costed, work: DividedWork): readonly Stage[] {
  const { architecture, devices, layersPerStage, calibration, recompute } = request;
  const stages =
    layersPerStage === undefined
      ? partitionLayers(
          architecture.numLayers,
          devices.length,
          stageCosts(request, work),
          calibration.model !== "constant",
        )
      : givenStages(layersPerStage, architecture.numLayers, devices.length);
  return stages.map((stage) => ({ ...stage, recomputedLayers: recompute === "layer" ? numLayersOf(stage) : 0 }));
}
