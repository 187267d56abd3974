import type { DecayShape } from "./decay-shapes.ts";

/** Sums over all losses seen, from which every shape is fitted: no loss is kept. */
export interface LossSums {
  readonly weight: number;
  readonly weightSquared: number;
  readonly loss: number;
  readonly lossSquared: number;
  /** By shape. */
  readonly shape: readonly number[];
  readonly shapeSquared: readonly number[];
  readonly shapeLoss: readonly number[];
}

export function noSums(shapes: readonly DecayShape[]): LossSums {
  const zeros = shapes.map(() => 0);
  return {
    ...{ weight: 0, weightSquared: 0, loss: 0, lossSquared: 0 },
    ...{ shape: zeros, shapeSquared: zeros, shapeLoss: zeros },
  };
}

/** A loss counts as much as its iteration: the early fall says little of what comes, and there is no window to choose. */
export function withObserved(sums: LossSums, shapes: readonly DecayShape[], t: number, loss: number): LossSums {
  const values = shapes.map((shape) => shape.at(t));
  const added = (to: readonly number[], of: (value: number) => number): readonly number[] =>
    to.map((sum, index) => sum + t * of(values[index]!));
  return {
    weight: sums.weight + t,
    weightSquared: sums.weightSquared + t * t,
    loss: sums.loss + t * loss,
    lossSquared: sums.lossSquared + t * loss * loss,
    shape: added(sums.shape, (value) => value),
    shapeSquared: added(sums.shapeSquared, (value) => value * value),
    shapeLoss: added(sums.shapeLoss, (value) => value * loss),
  };
}

/** loss = level + fall shape(t), as bounded least squares find it; level and fall are not negative. */
export interface ShapeFit {
  readonly shape: DecayShape;
  readonly level: number;
  readonly fall: number;
  /** The standard error of `fall`. */
  readonly fallError: number;
  /** The probability that the losses follow this shape rather than the others. */
  readonly probability: number;
}

/** Neighbouring losses err alike, as no shape is quite a job's: so many of them count as one. */
const ALIKE = 2;
/** Losses that the two numbers of a shape leave at least for its residuals. */
const LEAST_LOSSES = 3;

interface Fitted extends Omit<ShapeFit, "probability"> {
  readonly meanSquare: number;
}

function fitShape(sums: LossSums, shape: DecayShape, index: number, count: number): Fitted {
  const { weight } = sums;
  const [f, y] = [sums.shape[index]! / weight, sums.loss / weight];
  const ff = sums.shapeSquared[index]! / weight;
  const fy = sums.shapeLoss[index]! / weight;
  const spread = Math.max(ff - f * f, 1e-12 * ff);
  const free = Math.max(0, (fy - f * y) / spread);
  // A level below 0 is at the bound, where the fall alone is fitted.
  const isBounded = y - free * f < 0;
  const fall = isBounded ? fy / ff : free;
  const level = isBounded ? 0 : y - fall * f;
  const squares =
    sums.lossSquared / weight - 2 * (level * y + fall * fy) + level ** 2 + 2 * level * fall * f + fall ** 2 * ff;
  const meanSquare = Math.max(squares, 1e-12 * (sums.lossSquared / weight), Number.MIN_VALUE) * (count / (count - 2));
  return { shape, level, fall, meanSquare, fallError: Math.sqrt(meanSquare / count / (isBounded ? ff : spread)) };
}

/**
 * Every shape fitted by weighted least squares, and how probable each is: by the likelihood of its residuals, normal
 * and of one variance, for the effective number of losses n = (sum of w)^2 / (sum of w^2),
 *
 *     p ~ (mean squared residual)^(-n/2)
 *
 * all shapes equally probable before. None while there are too few losses.
 */
export function fitShapes(sums: LossSums, shapes: readonly DecayShape[]): readonly ShapeFit[] {
  const count = sums.weight ** 2 / sums.weightSquared / ALIKE;
  if (!(count >= LEAST_LOSSES)) return [];
  const fits = shapes.map((shape, index) => fitShape(sums, shape, index, count));
  const least = Math.min(...fits.map(({ meanSquare }) => meanSquare));
  const likelihoods = fits.map(({ meanSquare }) => (meanSquare / least) ** (-count / 2));
  const all = likelihoods.reduce((sum, each) => sum + each, 0);
  return fits.map(({ meanSquare: _, ...fit }, index) => ({ ...fit, probability: likelihoods[index]! / all }));
}
