import { scaleLinear, scaleLog } from "d3";
import type { FleetPart } from "../../fleet-data.ts";
import { type ChartSvg, drawBottomAxis, drawLeftAxis, type Frame, responsiveChart } from "../chart.ts";
import { element, section } from "../element.ts";
import { formatShare } from "../format.ts";
import { calendarTicks, instantText } from "./calendar-ticks.ts";

/** Times that differ by more than this factor are drawn on a logarithmic axis, which ends this far below the largest. */
const WIDE = 30;
const DECADES = 1e4;

interface Curve {
  readonly name: string;
  readonly style: string;
  /** Ascending. */
  readonly times: readonly number[];
}

function curvesOf(fleets: readonly FleetPart[]): readonly Curve[] {
  return fleets.flatMap(({ jobs, title }, index) => {
    const ended = jobs.filter(({ endNs }) => endNs !== null);
    const prefix = fleets.length > 1 ? `${title}, ` : "";
    const ascending = (times: readonly number[]): readonly number[] => [...times].sort((a, b) => a - b);
    return [
      {
        name: `${prefix}turnaround`,
        style: `curve-turnaround fleet-${index}`,
        times: ascending(ended.map((job) => job.turnaroundNs)),
      },
      {
        name: `${prefix}waiting`,
        style: `curve-waiting fleet-${index}`,
        times: ascending(ended.map((job) => job.waitedNs)),
      },
    ];
  });
}

function decades(low: number, high: number): readonly number[] {
  const steps = [1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 6 * 3600, 86_400, 7 * 86_400, 28 * 86_400, 364 * 86_400];
  const all = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, ...steps].map((seconds) => seconds * 1e9);
  return all.filter((timeNs) => timeNs >= low && timeNs <= high);
}

/** "10 ms": of a time that is whole in its unit. */
function wholeText(timeNs: number): string {
  return instantText(timeNs).replace(/\.0+ /, " ");
}

/** As many of the ticks as have room. */
function thinned(ticks: readonly number[], most: number): readonly number[] {
  const every = Math.max(1, Math.ceil(ticks.length / most));
  return ticks.filter((_, index) => index % every === 0);
}

function draw(svg: ChartSvg, frame: Frame, curves: readonly Curve[]): void {
  const largest = Math.max(1, ...curves.map(({ times }) => times.at(-1) ?? 0));
  const smallest = Math.min(largest, ...curves.flatMap(({ times }) => times.find((time) => time > 0) ?? []));
  const isWide = largest / smallest > WIDE;
  const low = Math.max(smallest, largest / DECADES);
  const x = isWide
    ? scaleLog([low, largest], [frame.left, frame.right]).clamp(true)
    : scaleLinear([0, largest], [frame.left, frame.right]);
  const y = scaleLinear([0, 1], [frame.bottom, frame.top]);
  const room = Math.max(2, Math.floor((frame.right - frame.left) / 90));
  const ticks = calendarTicks(0, largest, room);
  drawLeftAxis(svg, frame, y, { values: [0, 0.25, 0.5, 0.75, 1], label: (share) => `${100 * share} %` }, "jobs");
  const bottom = isWide ? { values: thinned(decades(low, largest), room), label: wholeText } : ticks;
  drawBottomAxis(svg, frame, x, bottom, isWide ? "at most this long (logarithmic)" : "at most this long");
  for (const { times, style } of curves) {
    let path = `M${frame.left},${y(0)}`;
    times.forEach((time, index) => {
      path += `H${x(isWide ? Math.max(low, time) : time).toFixed(1)}V${y((index + 1) / times.length).toFixed(1)}`;
    });
    svg.append("path").attr("class", `share-curve ${style}`).attr("d", `${path}H${frame.right}`);
  }
}

/** Share of the jobs whose turnaround or waiting was at most so long. */
export function distributionSection(fleets: readonly FleetPart[]): HTMLElement | undefined {
  const curves = curvesOf(fleets);
  if (curves.every(({ times }) => times.length === 0)) return undefined;
  const none = curves
    .filter(({ style }) => style.includes("waiting"))
    .map(({ times }) => times.filter((time) => time === 0).length / Math.max(1, times.length));
  const meaning =
    "Which share of the jobs that ended were there, and waited, at most so long; " +
    `${none.map(formatShare).join(" and ")} did not wait at all.`;
  const keys = curves.map(({ name, style }) =>
    element("span", { class: "key" }, [element("span", { class: `curve-swatch ${style}` }), name]),
  );
  const label = `Distribution of turnaround and waiting of ${fleets.map(({ jobs }) => jobs.length).join(" and ")} jobs`;
  return section("distribution", "Turnaround and waiting", meaning, [
    element("div", { class: "panel" }, [
      element("div", { class: "keys" }, keys),
      responsiveChart(label, 300, { top: 30, right: 20, bottom: 44, left: 54 }, (svg, frame) =>
        draw(svg, frame, curves),
      ),
    ]),
  ]);
}
