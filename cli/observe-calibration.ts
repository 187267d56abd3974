import { InputError, mean, sum } from "../core/index.ts";
import type { LayersCalibration } from "../plan/index.ts";
import {
  fitObservations,
  type Observation,
  type ObservationFit,
  type ObservedParameter,
  type ObservedRequest,
  relativeError,
  STRATEGY_NAMES,
} from "../studies/index.ts";
import type { Arguments } from "./command.ts";
import { percent, table } from "./output.ts";

/** `lorapp=2364` in tokens/s, or `lorapp=1.73s` in seconds of one step of one job. */
const OBSERVATION = /^(?<name>[a-z0-9-]+)=(?<value>[^=]+?)(?<unit>s?)$/;

function parseObservation(text: string, stepTokens: number): Observation {
  const groups = OBSERVATION.exec(text)?.groups;
  const strategy = STRATEGY_NAMES.find((each) => each === groups?.["name"]);
  const value = Number(groups?.["value"]);
  if (strategy === undefined || !(value > 0) || !Number.isFinite(value))
    throw new InputError({
      expected: `STRATEGY=TOKENS_PER_SECOND, or STRATEGY=SECONDSs for a step of a job, with one of ${STRATEGY_NAMES.join(", ")}`,
      at: "--observed",
      got: text,
    });
  const tokensPerSecond = groups?.["unit"] === "s" ? stepTokens / value : value;
  return { strategy, tokensPerSecond };
}

/** Texts of an option that may be given several times. */
function texts(args: Arguments, name: string): readonly string[] {
  const value = args[name];
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

export interface ObservedCalibration {
  readonly calibration: LayersCalibration;
  readonly fit: ObservationFit;
}

/** Tokens of a step of a job, on average. */
function meanStepTokens({ rows }: ObservedRequest): number {
  const steps = rows.flatMap(({ steps, tokens }) => Array.from(steps, (step) => sum(step.map((row) => tokens[row]!))));
  return mean(steps);
}

/** The request's calibration with what --observed says of it; undefined without an observation. @throws InputError */
export function observedCalibration(args: Arguments, request: ObservedRequest): ObservedCalibration | undefined {
  const given = texts(args, "observed");
  if (given.length === 0) return undefined;
  const observations = given.map((text) => parseObservation(text, meanStepTokens(request)));
  const names: readonly ObservedParameter[] =
    args["fit-launch"] === true ? ["computeEfficiency", "launchSeconds"] : ["computeEfficiency"];
  const fit = fitObservations(request, observations, names);
  const { calibration } = request;
  const what = names.length === 1 ? "share of the peak" : "share of the peak and launch time";
  const listed = observations.map(
    ({ strategy, tokensPerSecond }) => `${strategy}=${Number(tokensPerSecond.toPrecision(6))}`,
  );
  return {
    calibration: {
      ...calibration,
      ...fit.parameters,
      source: `${calibration.source}; ${what} from ${listed.join(", ")} tokens/s`,
      meanError: fit.leftOutError ?? calibration.meanError,
    },
    fit,
  };
}

/** The fit as a person reads it: how many parameters, and what is left of each observation. */
export function observationText({ calibration, fit }: ObservedCalibration): string {
  const { parameters, predictions, leftOutError } = fit;
  const fitted = Object.entries(parameters).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
  const count = `${fitted.length} parameter${fitted.length > 1 ? "s" : ""}`;
  return [
    `${calibration.source}`,
    `${count} from ${predictions.length} observation${predictions.length > 1 ? "s" : ""}: ${fitted.join(", ")}`,
    "",
    table(
      ["strategy", "observed", "fitted", "residual"],
      predictions.map((prediction) => [
        prediction.name,
        `${prediction.measured.toFixed(0)} tokens/s`,
        `${prediction.predicted.toFixed(0)} tokens/s`,
        percent(relativeError(prediction)),
      ]),
    ),
    "",
    leftOutError === null
      ? `As many parameters as observations: the residuals say nothing of the error. It stays ${percent(calibration.meanError, 0)}.`
      : `each observation predicted from the others: ${percent(leftOutError)} off on average`,
  ].join("\n");
}
