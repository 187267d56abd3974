import { create, extent, scaleLinear } from "d3";
import type { Interval } from "../../traces/index.ts";

const WIDTH = 180;
const HEIGHT = 14;
const MARGIN = 6;

/** The interval as a band, with a tick where the prediction is and a dot where the run came out. */
export function intervalMark([low, high]: Interval, predicted: number, executed: number | undefined): SVGElement {
  const values = [low, high, predicted, ...(executed === undefined ? [] : [executed])];
  const [least, most] = extent(values) as [number, number];
  const x = scaleLinear([least, most], [MARGIN, WIDTH - MARGIN]);
  const middle = HEIGHT / 2;
  const svg = create("svg")
    .attr("class", "interval")
    .attr("viewBox", `0 0 ${WIDTH} ${HEIGHT}`)
    .attr("width", WIDTH)
    .attr("height", HEIGHT)
    .attr("aria-hidden", "true");
  svg
    .append("title")
    .text(`band: where runs are expected, tick: predicted${executed === undefined ? "" : ", dot: executed"}`);
  const line = svg.append("line").attr("class", "interval-axis");
  line.attr("x1", 0).attr("x2", WIDTH).attr("y1", middle).attr("y2", middle);
  svg
    .append("rect")
    .attr("class", "interval-band")
    .attr("x", x(low))
    .attr("width", Math.max(1, x(high) - x(low)))
    .attr("y", middle - 4)
    .attr("height", 8)
    .attr("rx", 2);
  const tick = svg.append("line").attr("class", "interval-predicted");
  tick.attr("x1", x(predicted)).attr("x2", x(predicted)).attr("y1", 0).attr("y2", HEIGHT);
  if (executed !== undefined)
    svg.append("circle").attr("class", "interval-executed").attr("cx", x(executed)).attr("cy", middle).attr("r", 4);
  return svg.node()!;
}
