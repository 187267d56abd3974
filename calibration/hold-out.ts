import { canonicalJson, groupBy, median } from "../core/index.ts";

const EVERY = 5;
const FIRST = 2;

export interface Split<T> {
  readonly fitted: readonly T[];
  readonly heldOut: readonly T[];
}

/**
 * Sets about every fifth point aside, by size and never the smallest or the largest, so that the fit has only to
 * interpolate. Measurements of one point (equal `key`) stay together, or the fit would have seen what it is scored on.
 */
export function splitHoldOut<T extends { readonly seconds: number }>(
  samples: readonly T[],
  key: (sample: T) => unknown,
): Split<T> {
  const points = groupBy(samples, (sample) => canonicalJson(key(sample)));
  const size = (members: readonly T[]): number => median(members.map((sample) => sample.seconds));
  const ordered = [...points.values()].sort((a, b) => size(a) - size(b));
  const heldOut = new Set(ordered.filter((_, index) => index % EVERY === FIRST && index < ordered.length - 1).flat());
  return {
    fitted: samples.filter((sample) => !heldOut.has(sample)),
    heldOut: samples.filter((sample) => heldOut.has(sample)),
  };
}
