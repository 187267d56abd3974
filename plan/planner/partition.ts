import { InputError, PlanError, sum } from "../../core/index.ts";
import type { Stage } from "../documents/plan.ts";

function stageOf(index: number, numDevices: number, firstLayer: number, endLayer: number): Stage {
  return {
    index,
    device: index,
    firstLayer,
    endLayer,
    embedding: index === 0,
    head: index === numDevices - 1,
    recomputedLayers: 0,
  };
}

/** Stages of given lengths. @throws InputError for lengths that are not those of all layers on all devices */
export function givenStages(
  layersPerStage: readonly number[],
  numLayers: number,
  numDevices: number,
): readonly Stage[] {
  if (layersPerStage.length !== numDevices || sum(layersPerStage) !== numLayers || Math.min(...layersPerStage) < 1)
    throw new InputError({
      expected: `${numLayers} layers on ${numDevices} stages, at least one on each,`,
      at: "layersPerStage",
      got: layersPerStage.join(),
    });
  let endLayer = 0;
  return layersPerStage.map((length, index) => {
    endLayer += length;
    return stageOf(index, numDevices, endLayer - length, endLayer);
  });
}

/**
 * Cuts the layers into one contiguous range for each device so that the slowest stage is as fast as possible, then the sum of squares smallest
 * (dynamic programming over cut points). `cost` is a stage's time on its device; the first stage embeds, the last has norm, head and loss.
 * @throws PlanError when there are fewer layers than devices.
 */
export function partitionLayers(
  numLayers: number,
  numDevices: number,
  cost: (stage: Stage) => number,
): readonly Stage[] {
  if (numDevices > numLayers) {
    throw new PlanError({
      expected: `at most ${numLayers} devices for a model of ${numLayers} layers`,
      at: "devices",
      got: numDevices,
      hint: "Each stage holds at least one layer: use fewer devices.",
    });
  }
  interface Best {
    readonly worst: number;
    readonly squares: number;
    readonly cut: number;
  }
  const best: (Best | undefined)[][] = [];
  for (let index = 0; index < numDevices; index += 1) {
    const row: (Best | undefined)[] = [];
    const lastEnd = numLayers - (numDevices - 1 - index);
    const firstEnd = index === numDevices - 1 ? numLayers : index + 1;
    for (let end = firstEnd; end <= lastEnd; end += 1) {
      for (let first = index; first < end; first += 1) {
        const before = index === 0 ? (first === 0 ? { worst: 0, squares: 0 } : undefined) : best[index - 1]![first];
        if (before === undefined) continue;
        const own = cost(stageOf(index, numDevices, first, end));
        const worst = Math.max(before.worst, own);
        const squares = before.squares + own * own;
        const current = row[end];
        if (current === undefined || worst < current.worst || (worst === current.worst && squares < current.squares))
          row[end] = { worst, squares, cut: first };
      }
    }
    best.push(row);
  }
  const stages: Stage[] = [];
  let end = numLayers;
  for (let index = numDevices - 1; index >= 0; index -= 1) {
    const first = best[index]![end]!.cut;
    stages.unshift(stageOf(index, numDevices, first, end));
    end = first;
  }
  return stages;
}
