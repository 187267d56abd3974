import { InputError } from "../core/index.ts";
import { nonNegativeLeastSquares } from "./nnls.ts";

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

/** Seconds for each unit of a feature; features that are not here cost nothing. */
export type Coefficients = Readonly<Record<string, number>>;

/** Relative errors below this are not worth a feature: clocks and repeated runs differ by more. */
const NOISE_FLOOR = 1e-5;

export function operatorSeconds(coefficients: Coefficients, features: Readonly<Record<string, number>>): number {
  let seconds = 0;
  for (const [feature, coefficient] of Object.entries(coefficients)) seconds += coefficient * (features[feature] ?? 0);
  return seconds;
}

/**
 * Bayesian information criterion of a fit with relative residuals: Schwarz, Estimating the Dimension of a Model (1978).
 * Smaller is better.
 */
export function informationCriterion(squares: number, numSamples: number, numParameters: number): number {
  const variance = Math.max(squares / numSamples, NOISE_FLOOR ** 2);
  return numSamples * Math.log(variance) + numParameters * Math.log(numSamples);
}

interface Fit {
  readonly coefficients: Coefficients;
  readonly criterion: number;
}

function fitFeatures(samples: readonly OperatorSample[], features: readonly string[]): Fit {
  const weights = samples.map(({ weight = 1 }) => Math.sqrt(weight));
  const columns = features.map((feature) =>
    samples.map((sample, row) => (weights[row]! * (sample.features[feature] ?? 0)) / sample.seconds),
  );
  const solution = nonNegativeLeastSquares(columns, weights);
  const coefficients: Record<string, number> = {};
  features.forEach((feature, index) => {
    if (solution[index]! > 0) coefficients[feature] = solution[index]!;
  });
  let squares = 0;
  samples.forEach((sample, row) => {
    squares += (weights[row]! * (operatorSeconds(coefficients, sample.features) / sample.seconds - 1)) ** 2;
  });
  return { coefficients, criterion: informationCriterion(squares, samples.length, Object.keys(coefficients).length) };
}

/**
 * Non-negative coefficients with the smallest relative residuals. Features are taken out one by one, the least useful
 * first, as long as that lowers the information criterion.
 * @throws InputError for a sample without a positive time, or when no feature says anything.
 */
export function fitOperator(samples: readonly OperatorSample[]): Coefficients {
  for (const { operator, seconds } of samples) {
    if (!(seconds > 0) || !Number.isFinite(seconds))
      throw new InputError({ expected: `a positive time of ${operator}`, got: seconds });
  }
  const features = [...new Set(samples.flatMap((sample) => Object.keys(sample.features)))];
  let best = fitFeatures(samples, features);
  for (;;) {
    const kept = Object.keys(best.coefficients);
    const smaller =
      kept.length < 2
        ? []
        : kept.map((out) =>
            fitFeatures(
              samples,
              kept.filter((feature) => feature !== out),
            ),
          );
    const next = smaller.reduce<Fit | null>(
      (least, fit) => (least === null || fit.criterion < least.criterion ? fit : least),
      null,
    );
    if (next === null || next.criterion >= best.criterion) break;
    best = next;
  }
  if (Object.keys(best.coefficients).length === 0) {
    throw new InputError({
      expected: `a positive feature in the samples of ${samples[0]?.operator ?? "an operator"}`,
      got: features,
    });
  }
  return best.coefficients;
}
