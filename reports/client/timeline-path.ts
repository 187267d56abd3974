import type { Selection } from "d3";
import { LANES } from "../report-data.ts";
import type { RunPath } from "../run-path.ts";
import type { TimeWindow } from "./time-window.ts";
import type { LaneLayout } from "./timeline-lanes.ts";

/** Pixels between the line and the foot of a lane: above it is the name of the action. */
const FOOT = 4;

const COMPUTE = LANES.indexOf("compute");

/** By device and stream, where the line is on its lane; a stream without one is on that of its device. */
function lineHeights({ lanes }: LaneLayout): (device: number, stream: number) => number {
  const heights = new Map(
    lanes.map(({ device, stream, top, height }) => [`${device} ${stream}`, top + height - FOOT] as const),
  );
  return (device, stream) => heights.get(`${device} ${stream}`) ?? heights.get(`${device} ${COMPUTE}`) ?? 0;
}

/** One line over the bars of the path that are in sight, from left to right. */
export function drawPath(
  group: Selection<SVGGElement, undefined, null, undefined>,
  layout: LaneLayout,
  view: TimeWindow,
  path: RunPath | null,
): void {
  const scale = view.scale();
  const [start, end] = view.domain();
  const heightOf = lineHeights(layout);
  const points = (path?.startNs ?? []).flatMap((startNs, index) => {
    const { device, stream, startNs: starts, endNs } = path!;
    const untilNs = starts[index + 1] ?? endNs;
    if (untilNs < start || startNs > end) return [];
    const y = heightOf(device[index]!, stream[index]!).toFixed(1);
    return [startNs, untilNs].map((ns) => `${scale(ns).toFixed(1)},${y}`);
  });
  group
    .selectAll("polyline")
    .data(points.length === 0 ? [] : ["under", "over"])
    .join("polyline")
    .attr("class", (which) => `path-line path-${which}`)
    .attr("points", points.join(" "));
}
