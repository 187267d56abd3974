import { canonicalJson } from "../../../core/index.ts";
import type { Check, Place } from "./check-fields.ts";

/** Whatever else says so in words. */
export function that<T>(words: string, holds: (value: T, place: Place) => boolean): Check {
  return (value, place) => (holds(value as T, place) ? undefined : words);
}

/** Equal to what follows from other facts, as JSON. */
export function same(of: (place: Place) => unknown): Check {
  return (value, place) => {
    const expected = canonicalJson(of(place) ?? null);
    return canonicalJson(value) === expected ? undefined : expected.slice(0, 300);
  };
}

export function is(expected: unknown): Check {
  return same(() => expected);
}

/** A number that follows from other facts, but for rounding. */
export function near(of: (place: Place) => number, tolerance = 1e-9): Check {
  return (value, place) => {
    const expected = of(place);
    const isNear =
      typeof value === "number" && Math.abs(value - expected) <= tolerance * Math.max(1e-12, Math.abs(expected));
    return isNear ? undefined : `about ${expected}`;
  };
}

/** A finite number from `low` to `high`. */
export function within(low: number, high: number): Check {
  return that(`a number from ${low} to ${high}`, (value) => typeof value === "number" && value >= low && value <= high);
}

/** A finite number above `low`, up to `high`. */
export function above(low: number, high = Number.MAX_VALUE): Check {
  return that(
    `a number above ${low}${high === Number.MAX_VALUE ? "" : `, up to ${high}`}`,
    (value) => typeof value === "number" && value > low && value <= high,
  );
}

export function whole(low: number, high: number): Check {
  return that(
    `a whole number from ${low} to ${high}`,
    (value) => Number.isInteger(value) && (value as number) >= low && (value as number) <= high,
  );
}

export function oneOf(values: readonly unknown[]): Check {
  return that(`one of ${JSON.stringify(values)}`, (value) => values.includes(value));
}

export function matches(pattern: RegExp): Check {
  return that(`text like ${pattern}`, (value) => typeof value === "string" && pattern.test(value));
}

export function all(...checks: readonly Check[]): Check {
  return (value, place) => {
    for (const check of checks) {
      const wrong = check(value, place);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };
}

/** Lower and upper end of what a figure is expected between. */
export function interval(low: number, high: number): Check {
  return that(
    `two numbers from ${low} to ${high}, the lower first`,
    (value) =>
      Array.isArray(value) && value.length === 2 && low <= value[0] && value[0] <= value[1] && value[1] <= high,
  );
}

export const SHARE = within(0, 1);
export const HASH = matches(/^sha256:[0-9a-f]{64}$/);
