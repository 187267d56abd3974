import type { ShapeFit } from "./loss-fit.ts";

/** The standard normal value at 5, 15, 25 ... 95 %: ten equally probable ones. */
const TENTHS = [-1.645, -1.036, -0.674, -0.385, -0.126, 0.126, 0.385, 0.674, 1.036, 1.645];

/** When what is left becomes too little: the median, and the ends of the middle 90 %. */
export interface ExpectedEnd {
  readonly predicted: number;
  readonly low: number;
  readonly high: number;
}

/**
 * After how many iterations the loss will fall by no more than `least` until `end`: fall (shape(k) - shape(end)) = least
 * solved for k, for each shape and ten values of its fall. Whole iterations from `now` to `end`.
 */
export function expectedEnd(fits: readonly ShapeFit[], now: number, end: number, least: number): ExpectedEnd {
  const ends = fits
    .flatMap(({ shape, fall, fallError, probability }) => {
      const last = shape.at(end);
      return TENTHS.map((normal) => {
        const drawn = fall + normal * fallError;
        const k = drawn <= 0 ? now : shape.when(last + least / drawn);
        return { k: Math.min(end, Math.max(now, Math.ceil(k))), probability: probability / TENTHS.length };
      });
    })
    .sort((a, b) => a.k - b.k);
  const quantile = (q: number): number => {
    let below = 0;
    for (const { k, probability } of ends) {
      below += probability;
      if (below >= q - 1e-9) return k;
    }
    return end;
  };
  return { predicted: quantile(0.5), low: quantile(0.05), high: quantile(0.95) };
}

/** The loss that the fits say there is at an iteration, without noise. */
export function fittedLoss(fits: readonly ShapeFit[], t: number): number {
  let loss = 0;
  for (const { shape, level, fall, probability } of fits) loss += probability * (level + fall * shape.at(t));
  return loss;
}
