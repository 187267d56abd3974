import { sum } from "../core/index.ts";
import { type Calibration, type MeasuredCalibration, PASSES, type Pass } from "../plan/index.ts";

/** Standard deviations of the logarithm of actual / predicted time. */
export interface CostError {
  /** Of a factor that all actions of a run share: it does not average out. */
  readonly systematic: number;
  /** Of a factor that each action has for itself. */
  readonly independent: number;
}

/** How large the errors of a calibration are. */
export interface CostErrors {
  /**
   * What has an error of fit of its own: each device, whose stage was measured with layers and ends of its own, or each
   * type of device, where one set of figures stands for all of a type.
   */
  readonly of: "device" | "type";
  readonly actions: Readonly<Record<Pass, CostError>>;
  /** Of the factor that all messages over a link share. */
  readonly links: number;
}

/** Of a normal error, standard deviation / mean absolute value. */
const DEVIATION_OF_MEAN_ERROR = Math.sqrt(Math.PI / 2);
/** A guess, and the catalog's for devices that nobody measured. */
const ASSUMED_MEAN_ERROR = 0.25;

const EXACT: CostError = { systematic: 0, independent: 0 };

function everyLetter(error: CostError): CostErrors["actions"] {
  return { F: error, B: error, U: error };
}

/** All error shared, as nobody told its parts: the wide reading. */
function sharedError(meanError: number): CostError {
  return { systematic: meanError * DEVIATION_OF_MEAN_ERROR, independent: 0 };
}

/** Root of the mean square over the letters, weighed by their points. */
function pooled(errors: readonly { readonly points: number; readonly value: number }[]): number {
  return Math.sqrt(
    sum(errors.map(({ points, value }) => points * value ** 2)) / sum(errors.map(({ points }) => points)),
  );
}

function measuredErrors({ points, letters = {}, meanAbsError }: MeasuredCalibration["holdOut"]): CostErrors["actions"] {
  if (points === 0) return everyLetter(sharedError(ASSUMED_MEAN_ERROR));
  const known = PASSES.flatMap((letter) => letters[letter] ?? []);
  const deviation = meanAbsError * DEVIATION_OF_MEAN_ERROR;
  const other: CostError =
    known.length === 0
      ? { systematic: deviation, independent: deviation }
      : {
          systematic: pooled(known.map(({ points, systematic }) => ({ points, value: systematic }))),
          independent: pooled(known.map(({ points, independent }) => ({ points, value: independent }))),
        };
  return { F: letters.F ?? other, B: letters.B ?? other, U: letters.U ?? other };
}

/**
 * The mean relative error of an action's time that a calibration says it has; 0 for `constant` times, and a guess where
 * nobody knows.
 */
export function meanCostError(calibration: Calibration): number {
  switch (calibration.model) {
    case "constant":
      return 0;
    case "roofline":
      return calibration.meanError ?? ASSUMED_MEAN_ERROR;
    case "layers":
      return calibration.meanError;
    case "measured":
      return calibration.holdOut.points === 0 ? ASSUMED_MEAN_ERROR : calibration.holdOut.meanAbsError;
  }
}

/**
 * The errors that a calibration says it has. `constant` times are what they say. `measured` has errors of whole actions
 * that were kept out of the fit: in two parts by letter, or, in documents without the parts, each part as large as the
 * whole; the guess where nothing was kept out. `layers` and `roofline` have one figure, all of it shared. No
 * calibration knows how good its links are: they get the guess.
 */
export function costErrors(calibration: Calibration): CostErrors {
  const links = ASSUMED_MEAN_ERROR * DEVIATION_OF_MEAN_ERROR;
  switch (calibration.model) {
    case "constant":
      return { of: "type", actions: everyLetter(EXACT), links: 0 };
    case "roofline":
    case "layers":
      return { of: "type", actions: everyLetter(sharedError(meanCostError(calibration))), links };
    case "measured":
      return { of: "device", actions: measuredErrors(calibration.holdOut), links };
  }
}
