import { InputError, InvariantError, PlanError } from "./errors.ts";

/** Whole nanoseconds. Exact up to 2^53 ns, about 104 days. */
export type Nanos = number & { readonly __unit: "ns" };

/** @throws InputError when `value` is not a whole number of nanoseconds from 0 to 2^53 - 1. */
export function nanos(value: number): Nanos {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new InputError({ expected: "a non-negative whole number of nanoseconds", got: value });
  }
  return value as Nanos;
}

/**
 * A time on a simulator's clock, from now on.
 * @throws PlanError for one that whole nanoseconds do not reach; InvariantError for what is past, or no time
 */
export function clockTime(timeNs: number, nowNs: number): Nanos {
  if (timeNs > Number.MAX_SAFE_INTEGER)
    throw new PlanError({
      expected: `a run of at most ${formatSeconds(Number.MAX_SAFE_INTEGER / 1e9)}, which whole nanoseconds can count`,
      got: `${(timeNs / 1e9 / DAY).toFixed(0)} days, or more`,
      hint: "Fewer steps, or faster devices; where it is only a draw that is so slow, --no-intervals makes none.",
    });
  if (!(timeNs >= nowNs))
    throw new InvariantError({ expected: `a whole number of nanoseconds from ${nowNs} on`, got: timeNs });
  return timeNs as Nanos;
}

/** Rounds once, to the nearest nanosecond. */
export function secondsToNanos(seconds: number): Nanos {
  return nanos(Math.round(seconds * 1e9));
}

export function nanosToSeconds(time: Nanos): number {
  return time / 1e9;
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** "1.50 GiB": for people; JSON carries the number. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value.toFixed(0) : value.toFixed(2)} ${BYTE_UNITS[unit]}`;
}

/** "1.20 to 1.25 s", the unit once where both ends have the same: for people. */
export function formatSecondsRange(low: number, high: number): string {
  const [first, second] = [formatSeconds(low), formatSeconds(high)];
  const unit = / [a-z]+$/.exec(second)![0];
  const isShort = first.endsWith(unit) && first.split(" ").length === 2 && second.split(" ").length === 2;
  return `${isShort ? first.slice(0, -unit.length) : first} to ${second}`;
}

const DAY = 86_400;

/** "1.25 s", "13.4 ms", "2 h 05 min", "12 d 06 h": for people. */
export function formatSeconds(seconds: number): string {
  if (seconds === 0) return "0 s";
  if (seconds >= 3 * DAY)
    return `${Math.floor(seconds / DAY)} d ${String(Math.floor((seconds % DAY) / 3600)).padStart(2, "0")} h`;
  if (seconds >= 3600)
    return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} min`;
  if (seconds >= 60) return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  // What would be 1000.00 of the smaller unit is one of the larger.
  if (seconds >= 1 - 5e-6) return `${seconds.toFixed(2)} s`;
  if (seconds >= 1e-3 - 5e-8) return `${(seconds * 1e3).toFixed(2)} ms`;
  return `${(seconds * 1e6).toFixed(1)} us`;
}

/** "+12.3 %"; what rounds to nothing has no minus. */
export function signedPercent(ratio: number): string {
  const text = Math.abs(100 * ratio).toFixed(1);
  return `${ratio < 0 && Number(text) !== 0 ? "-" : "+"}${text} %`;
}

/** Seconds that a person sees as none, whatever their unit. */
const UNSEEN_SECONDS = 5e-8;

/** "+1.25 s": a difference of times. */
export function formatSignedSeconds(seconds: number, format = formatSeconds): string {
  if (Math.abs(seconds) < UNSEEN_SECONDS) return "0 s";
  return `${seconds < 0 ? "-" : "+"}${format(Math.abs(seconds))}`;
}
