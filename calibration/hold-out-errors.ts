import { canonicalJson, groupBy, mean } from "../core/index.ts";
import type { MeasuredCalibration, Pass } from "../plan/index.ts";

/** A whole action that the fit has not seen. */
export interface HeldOutAction {
  readonly letter: Pass;
  /** What was measured, such as its operator calls: equal keys are measurements of one point. */
  readonly key: unknown;
  /** Measured / predicted. */
  readonly ratio: number;
}

type LetterErrors = NonNullable<MeasuredCalibration["holdOut"]["letters"]>;

function rootMeanSquare(values: readonly number[]): number {
  return Math.sqrt(mean(values.map((value) => value * value)));
}

/**
 * The error of each letter in two parts. A point is one shape in one measuring run, so what all its actions share is an
 * error that a run does not average out; what scatters among them, it does.
 */
export function letterErrors(heldOut: readonly HeldOutAction[]): LetterErrors {
  return Object.fromEntries(
    [...groupBy(heldOut, ({ letter }) => letter)].map(([letter, own]) => {
      const points = [...groupBy(own, ({ key }) => canonicalJson(key)).values()].map((actions) =>
        actions.map(({ ratio }) => ratio),
      );
      return [
        letter,
        {
          points: points.length,
          systematic: rootMeanSquare(points.map((ratios) => Math.log(mean(ratios)))),
          independent: rootMeanSquare(points.flatMap((ratios) => ratios.map((ratio) => ratio / mean(ratios) - 1))),
        },
      ];
    }),
  );
}
