// How many jobs were where over time, without the DOM.
import type { SpanTable } from "../../fleet-data.ts";

/** A count over time: `values[i]` from `times[i]` on. */
export interface StepSeries {
  readonly times: readonly number[];
  readonly values: readonly number[];
  readonly most: number;
}

/** How many of the spans that `counts` chooses go on at the same time. */
export function countSeries(spans: SpanTable, counts: (span: number) => boolean): StepSeries {
  const changes: [timeNs: number, change: number][] = [];
  spans.startNs.forEach((startNs, span) => {
    if (counts(span)) changes.push([startNs, 1], [spans.endNs[span]!, -1]);
  });
  changes.sort((a, b) => a[0] - b[0]);
  const [times, values]: [number[], number[]] = [[], []];
  let [value, most] = [0, 0];
  changes.forEach(([timeNs, change], index) => {
    value += change;
    if (changes[index + 1]?.[0] === timeNs) return;
    times.push(timeNs);
    values.push(value);
    most = Math.max(most, value);
  });
  return { times, values, most };
}

/** Index of the last change at or before a time; -1 before the first. */
function lastAt({ times }: StepSeries, timeNs: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= timeNs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function valueAt(series: StepSeries, timeNs: number): number {
  return series.values[lastAt(series, timeNs)] ?? 0;
}

/** The largest value in each of `columns` equal parts of a window. */
export function columnMaxima(series: StepSeries, startNs: number, endNs: number, columns: number): readonly number[] {
  const { times, values } = series;
  let at = lastAt(series, startNs);
  return Array.from({ length: columns }, (_, column) => {
    const from = startNs + (column * (endNs - startNs)) / columns;
    while (at + 1 < times.length && times[at + 1]! <= from) at += 1;
    let most = values[at] ?? 0;
    const until = startNs + ((column + 1) * (endNs - startNs)) / columns;
    while (at + 1 < times.length && times[at + 1]! < until) {
      at += 1;
      most = Math.max(most, values[at]!);
    }
    return most;
  });
}
