import type { ProductFigures } from "../documents/kernels.ts";
import type { DevicePeaks } from "./layer-cost.ts";

/**
 * Rows and columns of a tile of the output. The first two have `computeShare` of the peak, the third `squareTile` of
 * that, and each smaller one a little less.
 */
const LARGE = [
  [256, 128],
  [128, 256],
] as const;
const SQUARE = [128, 128] as const;
const SMALL = [
  [128, 64],
  [64, 128],
] as const;
const SMALLEST = [64, 64] as const;
const SMALLER_SHARE = 0.96;
/** A tile's start and end take as long as so many more inputs. */
const TILE_INPUTS = 90;
/** Of a last wave that is not full, the part of a full one's time that its empty places take. */
const EMPTY_WAVE = 0.35;
/** Arithmetic and memory hide behind each other, with a soft corner. */
const CORNER = 4;
/** From 2^41 FLOP on power bounds a product: half of what it loses is lost there. */
const LONG_FLOP = 41;

/**
 * Seconds of the product of [rows, inputs] and [inputs, outputs] on an idle GPU in a burst of them. The best of six tiles
 * in waves over the multiprocessors, beside the traffic. Fitted to kernel times that others measured (docs/reference/gpus.md): 3 to
 * 6 % from a step's products, 5 to 9 % from single ones.
 */
export function productSeconds(
  figures: ProductFigures,
  { flopsPerSecond, bytesPerSecond }: DevicePeaks,
  [rows, outputs, inputs]: readonly [rows: number, outputs: number, inputs: number],
): number {
  const { multiprocessors, computeShare, squareTile, memoryShare, powerLoss } = figures;
  const tileSeconds = ([tall, wide]: readonly [number, number], share: number): number => {
    const waves = (Math.ceil(rows / tall) * Math.ceil(outputs / wide)) / multiprocessors;
    const rounds = waves + EMPTY_WAVE * (Math.ceil(waves) - waves);
    return (rounds * multiprocessors * 2 * tall * wide * (inputs + TILE_INPUTS)) / (share * flopsPerSecond);
  };
  const square = computeShare * squareTile;
  const compute = Math.min(
    ...LARGE.map((tile) => tileSeconds(tile, computeShare)),
    tileSeconds(SQUARE, square),
    ...SMALL.map((tile) => tileSeconds(tile, square * SMALLER_SHARE)),
    tileSeconds(SMALLEST, square * SMALLER_SHARE ** 2),
  );
  const memory = (2 * (rows * outputs + outputs * inputs + rows * inputs)) / (memoryShare * bytesPerSecond);
  const power = 1 - powerLoss / (1 + Math.exp(LONG_FLOP - Math.log2(2 * rows * outputs * inputs)));
  return (compute ** CORNER + memory ** CORNER) ** (1 / CORNER) / power + figures.seconds;
}
