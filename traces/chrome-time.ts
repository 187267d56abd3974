import { type Nanos, nanos } from "../core/index.ts";

/**
 * The longest trace, about 50 days: up to here a double of microseconds is within a quarter of a nanosecond, so that
 * rounding finds it again.
 */
export const MAX_TRACE_NS = 2 ** 42 * 1000;

/** The nearest nanosecond; the inverse of `toMicroseconds`. */
export function fromMicroseconds(microseconds: number): Nanos {
  return nanos(Math.round(microseconds * 1000));
}

/**
 * Microseconds that read back as exactly `time`, also by readers that multiply by 1000 and cut, as Perfetto's importer
 * does (CoerceToTs in its json_utils.cc): cut one nanosecond short, an event would begin inside the one before it.
 * Hence the next double up where the nearest one falls short.
 */
export function toMicroseconds(time: Nanos): number {
  const nearest = time / 1000;
  if (Math.trunc(nearest * 1000) === time) return nearest;
  const above = nearest + nearest * 2 ** -53;
  return Math.trunc(above * 1000) === time && Math.round(above * 1000) === time ? above : nearest;
}

/** The fraction of a microsecond that thousandths make, as JSON has it. */
const FRACTIONS = Array.from({ length: 1000 }, (_, thousandths) =>
  thousandths === 0 ? "" : String(thousandths / 1000).slice(1),
);

/** Up to here a time has at most 15 digits, so that the decimal fraction itself is the shortest text of its double. */
const SHORTEST_NS = 1e15;

/**
 * A number of nine digits and a leading one is a small integer to V8, which it turns to text several times as fast as a
 * double.
 */
const BILLION = 1e9;

/** `JSON.stringify(toMicroseconds(time))`, several times as fast for most times: a long trace has millions of them. */
export function microsecondsText(time: number): string {
  const nearest = time / 1000;
  if (time >= SHORTEST_NS || Math.trunc(nearest * 1000) !== time) return JSON.stringify(toMicroseconds(time as Nanos));
  const whole = Math.floor(nearest);
  const fraction = FRACTIONS[time - whole * 1000]!;
  if (whole < BILLION) return `${whole}${fraction}`;
  const billions = Math.floor(whole / BILLION);
  return `${billions}${String(BILLION + whole - billions * BILLION).slice(1)}${fraction}`;
}
