import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calendarTicks, instantText } from "../../reports/client/fleet/calendar-ticks.ts";
import { rowBars, rowStarts, spanAt } from "../../reports/client/fleet/span-rows.ts";
import { columnMaxima, countSeries, valueAt } from "../../reports/client/fleet/step-series.ts";

const S = 1e9;
const DAY = 86_400 * S;

function spansOf(rows: readonly (readonly (readonly [startNs: number, endNs: number, pipeline: number])[])[]) {
  const all = rows.flatMap((row, job) => row.map((span) => [job, ...span] as const));
  return {
    job: all.map(([job]) => job),
    kind: all.map(([, , , pipeline]) => (pipeline < 0 ? 0 : 1)),
    startNs: all.map(([, startNs]) => startNs),
    endNs: all.map(([, , endNs]) => endNs),
    pipeline: all.map(([, , , pipeline]) => pipeline),
    done: all.map(() => 0),
    why: all.map(() => 0),
  };
}

describe("the time axis of a fleet", () => {
  it.each([
    [0, 90 * S, 4, ["0", "30 s", "1 min", "1 min 30 s"]],
    [0, 5 * 3600 * S, 6, ["0", "1 h", "2 h", "3 h", "4 h", "5 h"]],
    [0, 2 * DAY, 5, ["0", "12 h", "1 d", "1 d 12 h", "2 d"]],
    [40 * DAY, 75 * DAY, 6, ["42 d", "49 d", "56 d", "63 d", "70 d"]],
    [0, 5000 * DAY, 8, ["0", "728 d", "1456 d", "2184 d", "2912 d", "3640 d", "4368 d"]],
    [S, 1.5 * S, 5, ["1000 ms", "1100 ms", "1200 ms", "1300 ms", "1400 ms", "1500 ms"]],
  ] as const)("has ticks that a clock has, from %d to %d ns", (from, to, most, labels) => {
    const { values, label } = calendarTicks(from, to, most);
    expect(values.map(label)).toEqual(labels);
  });

  it("says points in time as finely as their size needs", () => {
    expect([0, 0.25 * S, 12.345 * S, 150 * S, 3 * DAY + 3725 * S].map(instantText)).toEqual([
      "0 s",
      "250.00 ms",
      "12.35 s",
      "2 min 30 s",
      "3 d 1 h 2 min",
    ]);
  });
});

describe("the rows of a chart of jobs", () => {
  const spans = spansOf([
    [
      [0, 10, -1],
      [10, 50, 0],
    ],
    [],
    [[20, 30, 1]],
  ]);
  const starts = rowStarts(spans, 3);

  it("have the spans of their job, and those alone", () => {
    expect(starts).toEqual([0, 2, 2, 3]);
    expect(rowBars(spans, [starts[0]!, starts[1]!], [0, 100], 1).map(({ span }) => span)).toEqual([0, 1]);
    expect(rowBars(spans, [starts[1]!, starts[2]!], [0, 100], 1)).toEqual([]);
    expect(rowBars(spans, [0, 2], [50, 100], 1)).toEqual([]);
    expect([spanAt(spans, [0, 2], 12, 0), spanAt(spans, [0, 2], 53, 5), spanAt(spans, [0, 2], 60, 5)]).toEqual([
      1,
      1,
      undefined,
    ]);
  });

  it("join what is too short to be seen, without a gap, under what it mostly was", () => {
    const turns = Array.from({ length: 1000 }, (_, turn) => [turn, turn + 1, turn % 4 === 0 ? -1 : 0] as const);
    const row = spansOf([turns]);
    const bars = rowBars(row, [0, 1000], [0, 1000], 50);
    expect(bars.length).toBe(20);
    for (const { span } of bars) expect(row.pipeline[span]).toBe(0);
    expect(bars.slice(1).map(({ startNs }) => startNs)).toEqual(bars.slice(0, -1).map(({ endNs }) => endNs));
  });
});

describe("how many jobs were where", () => {
  it("is counted as by hand, at any time and in any window", () => {
    const span = fc.tuple(fc.nat(100), fc.integer({ min: 1, max: 40 }));
    fc.assert(
      fc.property(fc.array(span, { minLength: 1, maxLength: 30 }), fc.nat(150), (drawn, timeNs) => {
        const spans = spansOf(drawn.map(([start, length]) => [[start, start + length, -1] as const]));
        const series = countSeries(spans, () => true);
        const byHand = (at: number): number =>
          drawn.filter(([start, length]) => start <= at && at < start + length).length;
        expect(valueAt(series, timeNs)).toBe(byHand(timeNs));
        expect(columnMaxima(series, 0, 150, 150)).toEqual(Array.from({ length: 150 }, (_, at) => byHand(at)));
        expect(Math.max(...columnMaxima(series, 0, 150, 7))).toBe(series.most);
      }),
    );
  });
});
