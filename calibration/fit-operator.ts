import { canonicalJson, groupBy, InputError, median, nonNegativeLeastSquares, quantile, sum } from "../core/index.ts";
import { beyond, type Coefficients, featureValue, operatorSeconds } from "../plan/index.ts";

/** One measurement of one operator. Features are those of ONE call, as `OperatorCall.features` has them. */
export interface OperatorSample {
  /** `OperatorCall.name`: the operator at the shape that was measured. */
  readonly operator: string;
  /** `OperatorCall.kind`: under which samples of all shapes are pooled. */
  readonly kind: string;
  readonly features: Readonly<Record<string, number>>;
  /** Of one call. */
  readonly seconds: number;
  /** How much the sample counts; 1 when absent. */
  readonly weight?: number;
}

/** Relative errors below this are not worth a feature: clocks and repeated runs differ by more. */
const NOISE_FLOOR = 1e-5;

/**
 * Bayesian information criterion of a fit with relative residuals: Schwarz, Estimating the Dimension of a Model (1978).
 * Smaller is better.
 */
export function informationCriterion(squares: number, numSamples: number, numParameters: number): number {
  const variance = Math.max(squares / numSamples, NOISE_FLOOR ** 2);
  return numSamples * Math.log(variance) + numParameters * Math.log(numSamples);
}

/** Samples of equal features as one, with their median: what interrupts single calls is no property of the operator. */
function medianPoints(samples: readonly OperatorSample[]): readonly OperatorSample[] {
  return [...groupBy(samples, ({ features }) => canonicalJson(features)).values()].map((members) => ({
    ...members[0]!,
    seconds: median(members.map(({ seconds }) => seconds)),
    weight: sum(members.map(({ weight = 1 }) => weight)),
  }));
}

interface Fit {
  readonly coefficients: Coefficients;
  readonly criterion: number;
}

function fitFeatures(points: readonly OperatorSample[], features: readonly string[]): Fit {
  const weights = points.map(({ weight = 1 }) => Math.sqrt(weight));
  const columns = features.map((feature) =>
    points.map((point, row) => (weights[row]! * featureValue(point.features, feature)) / point.seconds),
  );
  const solution = nonNegativeLeastSquares(columns, weights);
  const coefficients: Record<string, number> = {};
  features.forEach((feature, index) => {
    if (solution[index]! > 0) coefficients[feature] = solution[index]!;
  });
  let squares = 0;
  points.forEach((point, row) => {
    squares += (weights[row]! * (operatorSeconds(coefficients, point.features) / point.seconds - 1)) ** 2;
  });
  return { coefficients, criterion: informationCriterion(squares, points.length, Object.keys(coefficients).length) };
}

/** Features are taken out one by one, the least useful first, as long as that lowers the information criterion. */
function fitUsefulFeatures(points: readonly OperatorSample[], features: readonly string[]): Fit {
  let best = fitFeatures(points, features);
  for (;;) {
    const kept = Object.keys(best.coefficients);
    const smaller =
      kept.length < 2
        ? []
        : kept.map((out) =>
            fitFeatures(
              points,
              kept.filter((feature) => feature !== out),
            ),
          );
    const next = smaller.reduce<Fit | null>(
      (least, fit) => (least === null || fit.criterion < least.criterion ? fit : least),
      null,
    );
    if (next === null || next.criterion >= best.criterion) return best;
    best = next;
  }
}

/** What an operator's traffic grows with; the first that it has. */
const TRAFFIC = ["elements", "rows", "parameters", "tokens"] as const;
/** Where among the sizes measured a cache may end. */
const KNOT_QUANTILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8] as const;
/** Fewer sizes than this do not show where one ends. */
const SIZES_FOR_A_KNOT = 6;

/** Names of the features that count what is beyond a size. */
function spills(points: readonly OperatorSample[]): readonly string[] {
  const feature = TRAFFIC.find((name) => points.some(({ features }) => features[name] !== undefined));
  if (feature === undefined) return [];
  const sizes = [...new Set(points.map(({ features }) => features[feature] ?? 0))];
  return sizes.length < SIZES_FOR_A_KNOT
    ? []
    : [...new Set(KNOT_QUANTILES.map((q) => beyond(feature, Math.round(quantile(sizes, q)))))];
}

/**
 * Non-negative coefficients with the smallest relative residuals, for features that lower the information criterion.
 * One of them may count what is beyond a size, since each element costs more where a cache ends; so times are convex in
 * the size.
 * @throws InputError for a sample without a positive time, or when no feature says anything.
 */
export function fitOperator(samples: readonly OperatorSample[]): Coefficients {
  for (const { operator, seconds } of samples) {
    if (!(seconds > 0) || !Number.isFinite(seconds))
      throw new InputError({ expected: `a positive time of ${operator}`, got: seconds });
  }
  const features = [...new Set(samples.flatMap((sample) => Object.keys(sample.features)))];
  const points = medianPoints(samples);
  let best = fitUsefulFeatures(points, features);
  for (const spill of spills(points)) {
    const fit = fitUsefulFeatures(points, [...features, spill]);
    if (fit.criterion < best.criterion) best = fit;
  }
  if (Object.keys(best.coefficients).length === 0) {
    throw new InputError({
      expected: `a positive feature in the samples of ${samples[0]?.operator ?? "an operator"}`,
      got: features,
    });
  }
  return best.coefficients;
}
