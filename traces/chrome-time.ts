import { type Nanos, nanos } from "../core/index.ts";

/** The longest trace, about 50 days: up to here a double of microseconds is within a quarter of a nanosecond, so that rounding finds it again. */
export const MAX_TRACE_NS = 2 ** 42 * 1000;

/** The nearest nanosecond; the inverse of `toMicroseconds`. */
export function fromMicroseconds(microseconds: number): Nanos {
  return nanos(Math.round(microseconds * 1000));
}

/**
 * Microseconds that read back as exactly `time`, also by readers that multiply by 1000 and cut, as Perfetto's importer does (CoerceToTs in its
 * json_utils.cc): cut one nanosecond short, an event would begin inside the one before it. Hence the next double up where the nearest one falls short.
 */
export function toMicroseconds(time: Nanos): number {
  const nearest = time / 1000;
  if (Math.trunc(nearest * 1000) === time) return nearest;
  const above = nearest + nearest * 2 ** -53;
  return Math.trunc(above * 1000) === time && Math.round(above * 1000) === time ? above : nearest;
}
