import { area, brushX, create, curveStepAfter, scaleLinear } from "d3";
import { LANES, type ReportTrace } from "../report-data.ts";
import type { Gutters, TimeWindow } from "./time-window.ts";

const HEIGHT = 34;
const NUM_BINS = 240;
const COMPUTE = LANES.indexOf("compute");

/** Share of the devices that compute, by bin of the run. */
function busyShares({ bars }: ReportTrace, fullNs: number, numDevices: number): readonly number[] {
  const bins = new Array<number>(NUM_BINS).fill(0);
  const binNs = fullNs / NUM_BINS;
  bars.startNs.forEach((start, bar) => {
    if (bars.stream[bar] !== COMPUTE) return;
    const end = start + bars.durationNs[bar]!;
    for (let bin = Math.floor(start / binNs); bin < NUM_BINS && bin * binNs < end; bin += 1) {
      bins[bin]! += (Math.min(end, (bin + 1) * binNs) - Math.max(start, bin * binNs)) / binNs / numDevices;
    }
  });
  return bins;
}

/** The whole run in small, how busy its devices were, with a frame around the window; the frame can be dragged. */
export function createOverview(
  trace: ReportTrace,
  fullNs: number,
  numDevices: number,
  view: TimeWindow,
  gutters: Gutters,
): SVGElement {
  const svg = create("svg")
    .attr("class", "overview")
    .attr("width", "100%")
    .attr("height", HEIGHT)
    .attr("aria-hidden", "true");
  const shares = busyShares(trace, fullNs, numDevices);
  const y = scaleLinear([0, 1], [HEIGHT - 4, 4]);
  svg
    .append("text")
    .attr("class", "stream-name")
    .attr("x", gutters.left - 12)
    .attr("y", HEIGHT / 2)
    .text("whole run");
  const path = svg.append("path").attr("class", "overview-area");
  const brushGroup = svg.append("g");
  const node = svg.node()!;
  let full = scaleLinear();
  const brush = brushX<undefined>().on("brush end", (event) => {
    if (!event.sourceEvent) return;
    if (event.selection) view.show(full.invert(event.selection[0]), full.invert(event.selection[1]));
    else if (event.type === "end") view.reset();
  });
  let drawnWidth = 0;
  view.onChange(() => {
    const [left, right] = view.scale().range();
    full = scaleLinear([0, fullNs], [left!, right!]);
    if (drawnWidth !== right) {
      drawnWidth = right!;
      const shape = area<number>(
        (_, bin) => full((bin * fullNs) / NUM_BINS),
        y(0),
        (share) => y(share),
      ).curve(curveStepAfter);
      path.attr("d", shape([...shares, shares.at(-1) ?? 0]));
      brush.extent([
        [left!, 1],
        [right!, HEIGHT - 1],
      ]);
      brushGroup.call(brush);
    }
    const [start, end] = view.domain();
    brush.move(brushGroup, [full(start), full(end)]);
  });
  return node;
}
