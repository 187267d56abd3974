import { formatSeconds } from "../../../core/index.ts";
import { durationColumn, type TimeTicks, timeTickFormat } from "../format.ts";

const SECOND = 1e9;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Steps between ticks that a clock and a calendar have; below a second they are decimal. */
const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 7, 14, 28, 56, 112, 364].map((count) => count * DAY),
];

/** "1 d 6 h", "2 h 05 min", "45 min", "30 s": down to the unit of the step. */
function clockText(timeNs: number, stepNs: number): string {
  if (timeNs === 0) return "0";
  const [days, hours] = [Math.floor(timeNs / DAY), Math.floor((timeNs % DAY) / HOUR)];
  const [minutes, seconds] = [Math.floor((timeNs % HOUR) / MINUTE), Math.round((timeNs % MINUTE) / SECOND)];
  const parts: string[] = [];
  if (days > 0) parts.push(`${days} d`);
  if (stepNs < DAY && hours > 0) parts.push(`${hours} h`);
  // A tick between days needs no minutes where none of its neighbours has any.
  if (stepNs < HOUR && minutes > 0) parts.push(`${minutes} min`);
  if (stepNs < MINUTE && seconds > 0) parts.push(`${seconds} s`);
  return parts.join(" ");
}

/** At most `most` ticks from `startNs` to `endNs`, at times that a clock has. */
export function calendarTicks(startNs: number, endNs: number, most: number): TimeTicks {
  const rough = (endNs - startNs) / Math.max(1, most);
  const step = STEPS.find((each) => each >= rough) ?? STEPS.at(-1)! * Math.ceil(rough / STEPS.at(-1)!);
  if (rough < 0.5 * SECOND) {
    const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
    const fine = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? power;
    const values = multiples(startNs, endNs, fine);
    return { values, label: timeTickFormat(values) };
  }
  return { values: multiples(startNs, endNs, step), label: (timeNs) => clockText(timeNs, step) };
}

function multiples(startNs: number, endNs: number, step: number): readonly number[] {
  const first = Math.ceil(startNs / step);
  return Array.from(
    { length: Math.max(0, Math.floor(endNs / step) - first + 1) },
    (_, index) => (first + index) * step,
  );
}

/** "13.4 ms", "4 min 09 s", "2 h 05 min", "12 d 06 h" */
export function durationText(ns: number): string {
  return ns === 0 ? "0 s" : formatSeconds(ns / SECOND).replace("us", "µs");
}

/** A point in time of a fleet, whole enough for its length: "3 d 5 h 12 min", "12 min 30 s", "2.49 s". */
export function instantText(timeNs: number): string {
  if (timeNs < SECOND) return durationText(timeNs);
  if (timeNs < MINUTE) return `${Number((timeNs / SECOND).toFixed(2))} s`;
  return clockText(Math.floor(timeNs / SECOND) * SECOND, timeNs < DAY ? SECOND : MINUTE);
}

/** Texts of times in columns of a table that are compared: in one unit, or from a minute on as a clock has them. */
export function timeColumn(timesNs: readonly number[]): (timeNs: number) => string {
  const most = timesNs.reduce((largest, each) => Math.max(largest, each), 0);
  if (most < MINUTE) {
    const text = durationColumn(timesNs.map((each) => each / SECOND));
    return (timeNs) => text(timeNs / SECOND);
  }
  const step = most < DAY ? SECOND : MINUTE;
  return (timeNs) => {
    const rounded = Math.round(timeNs / step) * step;
    if (rounded > 0) return clockText(rounded, step);
    return timeNs === 0 ? "0 s" : step === SECOND ? "< 1 s" : "< 1 min";
  };
}
