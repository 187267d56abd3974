import type { Selection } from "d3";
import { LANES } from "../report-data.ts";
import type { TimeWindow } from "./time-window.ts";
import type { LaneLayout } from "./timeline-lanes.ts";

/** A stretch of a run's critical path, on the stream of a device. */
export interface PathMark {
  readonly device: number;
  readonly stream: (typeof LANES)[number];
  readonly startNs: number;
  readonly endNs: number;
}

/** Pixels between the line and the foot of a lane: above it is the name of the action. */
const FOOT = 4;

/** By device and stream, where the line is on its lane; a stream without one is on that of its device. */
function lineHeights({ lanes }: LaneLayout): (mark: PathMark) => number {
  const heights = new Map(
    lanes.map(({ device, stream, top, height }) => [`${device} ${LANES[stream]}`, top + height - FOOT]),
  );
  return ({ device, stream }) => heights.get(`${device} ${stream}`) ?? heights.get(`${device} compute`) ?? 0;
}

/** One line over the bars of the path that are in sight, from left to right. */
export function drawPath(
  group: Selection<SVGGElement, undefined, null, undefined>,
  layout: LaneLayout,
  view: TimeWindow,
  marks: readonly PathMark[],
): void {
  const scale = view.scale();
  const [start, end] = view.domain();
  const heightOf = lineHeights(layout);
  const points = marks
    .filter(({ startNs, endNs }) => endNs >= start && startNs <= end)
    .flatMap((mark) => [mark.startNs, mark.endNs].map((ns) => `${scale(ns).toFixed(1)},${heightOf(mark).toFixed(1)}`));
  group
    .selectAll("polyline")
    .data(points.length === 0 ? [] : ["under", "over"])
    .join("polyline")
    .attr("class", (which) => `path-line path-${which}`)
    .attr("points", points.join(" "));
}
