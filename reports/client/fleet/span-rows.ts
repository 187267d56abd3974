// Where spans lie in a Gantt chart of jobs, without the DOM.
import type { SpanTable } from "../../fleet-data.ts";

/** The spans of each job: those of job `j` are `first[j]` up to `first[j + 1]`. */
export function rowStarts({ job }: SpanTable, numJobs: number): readonly number[] {
  const first = new Array<number>(numJobs + 1).fill(0);
  for (const each of job) first[each + 1]! += 1;
  for (let row = 0; row < numJobs; row += 1) first[row + 1]! += first[row]!;
  return first;
}

/** The first span of a row that ends after a time. */
function firstEndingAfter({ endNs }: SpanTable, from: number, to: number, timeNs: number): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (endNs[middle]! <= timeNs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A piece of a row: a span, or several that are too short to be seen, under the longest of what they were mostly. */
export interface RowBar {
  readonly span: number;
  readonly startNs: number;
  readonly endNs: number;
}

/** What of a row is seen in a window where `columnNs` are as wide as the narrowest bar. */
export function rowBars(
  spans: SpanTable,
  [from, to]: readonly [number, number],
  [startNs, endNs]: readonly [number, number],
  columnNs: number,
): readonly RowBar[] {
  const bars: RowBar[] = [];
  let short: number[] = [];
  const lengthOf = (span: number): number => spans.endNs[span]! - spans.startNs[span]!;
  const flush = (): void => {
    if (short.length === 0) return;
    const on = short.filter((span) => spans.pipeline[span]! >= 0);
    const total = (some: readonly number[]): number => some.reduce((sum, span) => sum + lengthOf(span), 0);
    const mostly = 2 * total(on) >= total(short) ? on : short.filter((span) => spans.pipeline[span]! < 0);
    const span = mostly.reduce((longest, each) => (lengthOf(each) > lengthOf(longest) ? each : longest));
    bars.push({ span, startNs: spans.startNs[short[0]!]!, endNs: spans.endNs[short.at(-1)!]! });
    short = [];
  };
  for (let span = firstEndingAfter(spans, from, to, startNs); span < to && spans.startNs[span]! < endNs; span += 1) {
    if (lengthOf(span) >= columnNs) {
      flush();
      bars.push({ span, startNs: spans.startNs[span]!, endNs: spans.endNs[span]! });
      continue;
    }
    short.push(span);
    if (spans.endNs[span]! - spans.startNs[short[0]!]! >= columnNs) flush();
  }
  flush();
  return bars;
}

/** The span of a row at a time, or the nearest within `toleranceNs`. */
export function spanAt(
  spans: SpanTable,
  [from, to]: readonly [number, number],
  timeNs: number,
  toleranceNs: number,
): number | undefined {
  const after = firstEndingAfter(spans, from, to, timeNs);
  const distance = (span: number): number => Math.max(spans.startNs[span]! - timeNs, timeNs - spans.endNs[span]!, 0);
  const near = [after, after - 1].filter((span) => span >= from && span < to && distance(span) <= toleranceNs);
  return near.sort((a, b) => distance(a) - distance(b))[0];
}
