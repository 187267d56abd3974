import { InputError, maximum, PlanError, sum } from "../../core/index.ts";
import { LEAST_HALVES, rangeOfHalves } from "../actions/stage-layers.ts";
import type { Stage } from "../documents/setting.ts";

/** A stage from one half of a layer to another, counted from the start of the model. */
export function stageOfHalves(index: number, numDevices: number, start: number, end: number): Stage {
  return {
    index,
    device: index,
    ...rangeOfHalves(start, end),
    embedding: index === 0,
    head: index === numDevices - 1,
    recomputedLayers: 0,
  };
}

function stageOf(index: number, numDevices: number, firstLayer: number, endLayer: number): Stage {
  return stageOfHalves(index, numDevices, 2 * firstLayer, 2 * endLayer);
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
      at: "--layers-per-stage",
      got: layersPerStage.join(),
    });
  let endLayer = 0;
  return layersPerStage.map((length, index) => {
    endLayer += length;
    return stageOf(index, numDevices, endLayer - length, endLayer);
  });
}

/** Layers are divided where that makes the slowest stage so much faster. */
const LEAST_GAIN = 0.01;

interface Best {
  readonly worst: number;
  readonly squares: number;
  readonly cut: number;
}

/**
 * Cuts `length` units into one contiguous range for each device so that the slowest stage is as fast as possible, then
 * the sum of squares smallest (dynamic programming over cut points). Ranges have at least `least` units; those that
 * take longer than `bound` are not looked at, nor longer ones with the same end.
 */
function bestCuts(
  length: number,
  numDevices: number,
  least: number,
  cost: (index: number, start: number, end: number) => number,
  bound: number,
): { readonly cuts: readonly number[]; readonly worst: number } | undefined {
  const best: (Best | undefined)[][] = [];
  for (let index = 0; index < numDevices; index += 1) {
    const row: (Best | undefined)[] = [];
    const lastEnd = length - least * (numDevices - 1 - index);
    for (let end = index === numDevices - 1 ? length : least * (index + 1); end <= lastEnd; end += 1) {
      for (let start = end - least; start >= least * index; start -= 1) {
        const before = index === 0 ? (start === 0 ? { worst: 0, squares: 0 } : undefined) : best[index - 1]![start];
        if (before === undefined) continue;
        const own = cost(index, start, end);
        if (own > bound) break;
        const worst = Math.max(before.worst, own);
        const squares = before.squares + own * own;
        const current = row[end];
        if (current === undefined || worst < current.worst || (worst === current.worst && squares <= current.squares))
          row[end] = { worst, squares, cut: start };
      }
    }
    best.push(row);
  }
  const last = best[numDevices - 1]![length];
  if (last === undefined) return undefined;
  const cuts = [length];
  for (let index = numDevices - 1; index >= 0; index -= 1) cuts.unshift(best[index]![cuts[0]!]!.cut);
  return { cuts, worst: last.worst };
}

/**
 * Cuts the layers into one contiguous range for each device, as `bestCuts` does. `cost` is a stage's time on its
 * device; the first stage embeds, the last has norm, head and loss. With `divides` a cut may lie between the halves of
 * a layer where that saves enough.
 * No stage of the best takes longer than the slowest of equal ones does, which spares the look at all that would.
 * @throws PlanError when there are fewer layers than devices.
 */
export function partitionLayers(
  numLayers: number,
  numDevices: number,
  cost: (stage: Stage) => number,
  divides = false,
): readonly Stage[] {
  if (numDevices > numLayers) {
    throw new PlanError({
      expected: `at most ${numLayers} devices for a model of ${numLayers} layers`,
      at: "devices",
      got: numDevices,
      hint: "Each stage holds at least one layer: use fewer devices, or more pipelines, each of which has a job at least.",
    });
  }
  const ofHalves = (index: number, start: number, end: number): number =>
    cost(stageOfHalves(index, numDevices, start, end));
  const ofLayers = (index: number, start: number, end: number): number => ofHalves(index, 2 * start, 2 * end);
  const evenCuts = Array.from({ length: numDevices + 1 }, (_, index) => Math.round((index * numLayers) / numDevices));
  const evenly = maximum(evenCuts.slice(1).map((end, index) => ofLayers(index, evenCuts[index]!, end)));
  const whole = bestCuts(numLayers, numDevices, 1, ofLayers, evenly)!;
  const bound = whole.worst * (1 - LEAST_GAIN);
  const divided = divides ? bestCuts(2 * numLayers, numDevices, LEAST_HALVES, ofHalves, bound) : undefined;
  const cuts = divided?.cuts ?? whole.cuts.map((cut) => 2 * cut);
  return Array.from({ length: numDevices }, (_, index) =>
    stageOfHalves(index, numDevices, cuts[index]!, cuts[index + 1]!),
  );
}
