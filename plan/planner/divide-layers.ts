import { sum } from "../../core/index.ts";
import { stageOperators } from "../costs/operators.ts";
import { targetsOf } from "../costs/stage-shapes.ts";
import type { MicroBatch, PlannedJob } from "../documents/segment.ts";
import type { Stage } from "../documents/setting.ts";
import { edgeDtypes } from "../message-bytes.ts";
import { numLayersOf } from "../stage-layers.ts";
import { givenStages, partitionLayers } from "./partition.ts";
import type { Costed } from "./request.ts";

/** What the layers are divided for. */
interface DividedWork {
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
function stageCosts(request: Costed, { jobs, microBatches }: DividedWork): (stage: Stage) => number {
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
  return (draft) => {
    const stage = recompute === "layer" ? { ...draft, recomputedLayers: numLayersOf(draft) } : draft;
    const device = devices[stage.device]!;
    const same = costModel.sameCosts?.(stage, device, edgesOf(stage));
    if (same === undefined) return costOf(stage);
    const found = known.get(same) ?? costOf(stage);
    known.set(same, found);
    return found;
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
