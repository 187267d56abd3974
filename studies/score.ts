import { maximum, mean, median, quantile } from "../core/index.ts";

/** Nine of ten of a normal distribution lie so many sigmas around its middle. */
export const NINE_TENTHS = 1.645;

/** Predictions against what others published. */
export interface Score {
  readonly rows: number;
  /** Of |predicted / measured - 1|. */
  readonly mean: number;
  readonly median: number;
  readonly p90: number;
  readonly worst: number;
}

/** One prediction. */
export interface Prediction {
  readonly name: string;
  readonly predicted: number;
  readonly measured: number;
}

export function relativeError({ predicted, measured }: Omit<Prediction, "name">): number {
  return predicted / measured - 1;
}

export function scoreOf(predictions: readonly Omit<Prediction, "name">[]): Score {
  const errors = predictions.map((prediction) => Math.abs(relativeError(prediction)));
  return {
    rows: errors.length,
    mean: mean(errors),
    median: median(errors),
    p90: quantile(errors, 0.9),
    worst: maximum([0, ...errors]),
  };
}

/** Each row predicted from a fit on all the others. */
export function leaveOneOut<Row, Fit>(
  rows: readonly Row[],
  fitTo: (rows: readonly Row[]) => Fit,
  predict: (fitted: Fit, row: Row) => Prediction,
): readonly Prediction[] {
  return rows.map((row, left) => predict(fitTo(rows.filter((_, index) => index !== left)), row));
}
