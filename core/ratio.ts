import { mean, sum } from "./stats.ts";
import { studentQuantile } from "./student.ts";

/** A value, and where it lies for other data of this kind. */
export interface Estimate {
  readonly value: number;
  readonly range: readonly [low: number, high: number];
}

/**
 * A ratio of two sums over as many rows, with an interval for other rows of this kind: the linearised variance of a ratio
 * (Cochran, Sampling Techniques, chapter 6) under Student's distribution. One row alone says nothing of others.
 */
export function ratioOfSums(tops: readonly number[], bottoms: readonly number[], level: number): Estimate {
  const n = tops.length;
  const value = sum(tops) / sum(bottoms);
  if (n < 2) return { value, range: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] };
  const average = mean(bottoms);
  const variance = sum(tops.map((top, i) => (top - value * bottoms[i]!) ** 2)) / (n - 1);
  const half = (studentQuantile((1 + level) / 2, n - 1) * Math.sqrt(variance / n)) / average;
  return { value, range: [value - half, value + half] };
}
