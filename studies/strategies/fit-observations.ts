import { fitParameters } from "../../calibration/index.ts";
import { InputError, mean, sum } from "../../core/index.ts";
import { leaveOneOut, type Prediction, relativeError } from "../score.ts";
import type { StrategyName } from "./compare-strategies.ts";
import { efficiencyFromObservation, type ObservedRequest, observedRate, withFigures } from "./observed-rate.ts";

/** A rate that somebody saw. */
export interface Observation {
  readonly strategy: StrategyName;
  readonly tokensPerSecond: number;
}

/** What may be fitted: the share of the peak, and what the host needs to launch a pass over a layer. */
export type ObservedParameter = "computeEfficiency" | "launchSeconds";

export interface ObservationFit {
  readonly parameters: Readonly<Partial<Record<ObservedParameter, number>>>;
  /** Each observation with the rate that the fit gives it. */
  readonly predictions: readonly Prediction[];
  /** Mean error of each observation predicted from the others; null where that leaves too few to fit to. */
  readonly leftOutError: number | null;
}

/** A step on the logarithm of a parameter, large enough for times in whole nanoseconds. */
const STEP = 0.01;
/** Below this sine between their effects on the observed rates, one parameter stands for the other. */
const LEAST_SINE = 0.05;

/** @throws InputError where both parameters change all observed rates alike. */
function requireSeparable(
  request: ObservedRequest,
  observations: readonly Observation[],
  at: Readonly<Record<ObservedParameter, number>>,
): void {
  const rates = (parameters: ObservationFit["parameters"]): readonly number[] =>
    observations.map(({ strategy }) => Math.log(observedRate(withFigures(request, parameters), strategy)));
  const base = rates(at);
  const effect = (name: ObservedParameter): readonly number[] =>
    rates({ ...at, [name]: at[name] * Math.exp(STEP) }).map((rate, index) => rate - base[index]!);
  const [a, b] = [effect("computeEfficiency"), effect("launchSeconds")];
  const dot = (x: readonly number[], y: readonly number[]): number => sum(x.map((value, index) => value * y[index]!));
  const sine = Math.sqrt(Math.max(0, 1 - dot(a, b) ** 2 / (dot(a, a) * dot(b, b))));
  if (!(sine >= LEAST_SINE))
    throw new InputError({
      expected: "observations that tell the launch time from the share of the peak",
      at: "--observed",
      got: observations.map(({ strategy }) => strategy).join(", "),
      hint: "All of them have passes of the same number of tokens: observe a strategy with smaller micro-batches, or leave --fit-launch out.",
    });
}

function fitTo(
  request: ObservedRequest,
  observations: readonly Observation[],
  names: readonly ObservedParameter[],
): ObservationFit["parameters"] {
  const [only] = observations;
  if (observations.length === 1 && names.length === 1)
    return { computeEfficiency: efficiencyFromObservation(request, only!) };
  const { computeEfficiency, launchSeconds } = request.calibration;
  const start = { computeEfficiency, launchSeconds: Math.max(launchSeconds, 1e-6) };
  if (names.length > 1) requireSeparable(request, observations, start);
  const fitted = fitParameters({
    start: Object.fromEntries(names.map((name) => [name, start[name]])) as Record<ObservedParameter, number>,
    residuals: (found) =>
      observations.map(({ strategy, tokensPerSecond }) =>
        Math.log(observedRate(withFigures(request, found), strategy) / tokensPerSecond),
      ),
    derivativeStep: STEP,
  });
  if (fitted.computeEfficiency > 1)
    throw new InputError({
      expected: "rates that a share of the peak of at most 1 gives",
      at: "--observed",
      got: `a share of ${fitted.computeEfficiency.toPrecision(3)}`,
      hint: "Launches, memory traffic and links bound the rate whatever the share of the peak is.",
    });
  return fitted;
}

/**
 * Parameters of a device from observed rates of whole runs: least squares on the logarithms, exact where there is one
 * observation.
 * @throws InputError for fewer observations than parameters, or rates that no share of the peak gives.
 */
export function fitObservations(
  request: ObservedRequest,
  observations: readonly Observation[],
  names: readonly ObservedParameter[] = ["computeEfficiency"],
): ObservationFit {
  if (observations.length < names.length)
    throw new InputError({
      expected: `at least ${names.length} observations for ${names.join(" and ")}`,
      at: "--observed",
      got: observations.length,
    });
  const predict = (
    parameters: ObservationFit["parameters"],
    { strategy, tokensPerSecond }: Observation,
  ): Prediction => ({
    name: strategy,
    predicted: observedRate(withFigures(request, parameters), strategy),
    measured: tokensPerSecond,
  });
  const fitRows = (rows: readonly Observation[]) => fitTo(request, rows, names);
  const parameters = fitRows(observations);
  const canLeaveOut = observations.length > names.length && names.length === 1;
  return {
    parameters,
    predictions: observations.map((observation) => predict(parameters, observation)),
    leftOutError: canLeaveOut
      ? mean(leaveOneOut(observations, fitRows, predict).map((prediction) => Math.abs(relativeError(prediction))))
      : null,
  };
}
