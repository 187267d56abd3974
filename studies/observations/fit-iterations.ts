import { fitParameters } from "../../calibration/index.ts";
import { createRng } from "../../core/index.ts";
import type { Prediction } from "../score.ts";
import {
  type CellSeconds,
  type Iteration,
  type IterationParameter,
  type IterationParameters,
  type IterationSetting,
  iterationSeconds,
  launchName,
  smoothCell,
} from "./iteration-model.ts";

/** A fitted model of iterations. */
export interface IterationModel {
  readonly parameters: IterationParameters;
  /** Measured over smooth, by cell; absent cells are 1. */
  readonly corrections: ReadonlyMap<string, number>;
}

/** Residuals beyond this count by size: cells that launches bound scatter by tens of percent. */
const SOFT_L1 = 0.05;
/**
 * Spread of a layer cell around the smooth curve, of a head cell, and of a row around its cells; natural logarithms.
 */
const LAYER_SPREAD = 0.1;
const HEAD_SPREAD = 0.3;
const ROW_SPREAD = 0.003;

const START: Readonly<Record<Exclude<IterationParameter, `launchSeconds${number}`>, number>> = {
  computeEfficiency: 0.7,
  scoreBytes: 10,
  overlap: 2,
  headBytes: 100,
  tensorBytesPerSecond: 150e9,
  updateBytes: 30,
};

/** Rows of one cell do the same to a layer (or to the head) of one micro-batch. */
export function layerCell({ tensorParallel, hiddenSize, microBatch, sequenceLength }: Iteration): string {
  return `layer ${tensorParallel}/${hiddenSize}/${microBatch}/${sequenceLength}`;
}

export function headCell(row: Iteration): string {
  return layerCell(row).replace("layer", "head");
}

function corrected(row: Iteration, cell: CellSeconds, corrections: ReadonlyMap<string, number>): CellSeconds {
  return {
    layer: cell.layer * (corrections.get(layerCell(row)) ?? 1),
    head: cell.head * (corrections.get(headCell(row)) ?? 1),
  };
}

export function predictIteration(row: Iteration, setting: IterationSetting, model: IterationModel): Prediction {
  const cell = corrected(row, smoothCell(row, setting, model.parameters), model.corrections);
  const { globalBatch, microBatch, hiddenSize, layers, tensorParallel, dataParallel, pipelineParallel } = row;
  return {
    name: `batch ${globalBatch}/${microBatch} h ${hiddenSize} layers ${layers} tp ${tensorParallel} dp ${dataParallel} pp ${pipelineParallel}`,
    predicted: iterationSeconds(row, setting, model.parameters, cell),
    measured: row.seconds,
  };
}

function smoothStart(rows: readonly Iteration[]): IterationParameters {
  const degrees = [...new Set(rows.map(({ tensorParallel }) => tensorParallel))];
  return {
    ...Object.fromEntries(degrees.map((degree) => [launchName(degree), 3e-3])),
    ...START,
  } as IterationParameters;
}

/** Six parameters, and one for each degree of tensor parallelism. */
export function fitSmooth(rows: readonly Iteration[], setting: IterationSetting): IterationModel {
  const corrections = new Map<string, number>();
  const parameters = fitParameters({
    start: smoothStart(rows),
    softL1: SOFT_L1,
    residuals: (found) =>
      rows.map((row) => {
        const { predicted, measured } = predictIteration(row, setting, { parameters: found, corrections });
        return Math.log(predicted / measured);
      }),
  });
  return { parameters, corrections };
}

/**
 * The smooth model times a correction for each cell that the rows reach, all fitted at once: the most probable values
 * under normal spreads of the logarithms. Cells without rows stay on the smooth curve.
 */
export function fitCorrected(rows: readonly Iteration[], setting: IterationSetting): IterationModel {
  const smooth = fitSmooth(rows, setting);
  const cells = [...new Set(rows.flatMap((row) => [layerCell(row), headCell(row)]))];
  const split = (found: Readonly<Record<string, number>>): IterationModel => ({
    parameters: found as IterationParameters,
    corrections: new Map(cells.map((cell) => [cell, found[cell]!])),
  });
  const fitted = fitParameters({
    start: { ...smooth.parameters, ...Object.fromEntries(cells.map((cell) => [cell, 1])) } as Record<string, number>,
    residuals: (found) => {
      const model = split(found);
      return [
        ...rows.map((row) => {
          const { predicted, measured } = predictIteration(row, setting, model);
          return Math.log(predicted / measured) / ROW_SPREAD;
        }),
        ...cells.map((cell) => Math.log(found[cell]!) / (cell.startsWith("layer") ? LAYER_SPREAD : HEAD_SPREAD)),
      ];
    },
  });
  return split(fitted);
}

function shuffled<T>(values: readonly T[], seed: number): readonly T[] {
  const rng = createRng(seed);
  const mixed = [...values];
  for (let last = mixed.length - 1; last > 0; last -= 1) {
    const other = rng.nextInt(last + 1);
    [mixed[last], mixed[other]] = [mixed[other]!, mixed[last]!];
  }
  return mixed;
}

/**
 * Row numbers for a fit: any, or so that the layer cells take turns and in each the rows whose layers and stages differ
 * most.
 */
export function chooseRows(
  rows: readonly Iteration[],
  count: number,
  seed: number,
  design: "random" | "covering",
): ReadonlySet<number> {
  const order = shuffled(
    rows.map((_, index) => index),
    seed,
  );
  if (design === "random") return new Set(order.slice(0, count));
  const queues = new Map<string, number[]>();
  for (const index of order) {
    const cell = layerCell(rows[index]!);
    queues.set(cell, [...(queues.get(cell) ?? []), index]);
  }
  const share = (index: number): number => rows[index]!.layers / rows[index]!.pipelineParallel;
  for (const queue of queues.values()) queue.sort((a, b) => share(a) - share(b));
  const chosen = new Set<number>();
  for (let round = 0; chosen.size < Math.min(count, rows.length); round += 1) {
    for (const queue of queues.values()) {
      if (chosen.size === count) break;
      // Few layers a stage, then many: together they tell the layer's time from the head's.
      const next = round % 2 === 0 ? queue.shift() : queue.pop();
      if (next !== undefined) chosen.add(next);
    }
  }
  return chosen;
}
