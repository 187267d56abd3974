import { canonicalJson, mean } from "../core/index.ts";
import type { ActionLetter, MeasuredCalibration } from "../plan/index.ts";

/** A whole action that the fit has not seen. */
export interface HeldOutAction {
  readonly letter: ActionLetter;
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
 * The error of each letter in two parts. A point is one shape in one measuring run, so what all its actions share is an error that a run
 * does not average out; what scatters among them, it does.
 */
export function letterErrors(heldOut: readonly HeldOutAction[]): LetterErrors {
  const points = new Map<ActionLetter, Map<string, number[]>>();
  for (const { letter, key, ratio } of heldOut) {
    const own = points.get(letter) ?? new Map<string, number[]>();
    points.set(letter, own);
    const text = canonicalJson(key);
    const ratios = own.get(text) ?? [];
    own.set(text, ratios);
    ratios.push(ratio);
  }
  return Object.fromEntries(
    [...points].map(([letter, own]) => {
      const groups = [...own.values()];
      return [
        letter,
        {
          points: groups.length,
          systematic: rootMeanSquare(groups.map((ratios) => Math.log(mean(ratios)))),
          independent: rootMeanSquare(groups.flatMap((ratios) => ratios.map((ratio) => ratio / mean(ratios) - 1))),
        },
      ];
    }),
  );
}
