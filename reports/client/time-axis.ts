import { axisTop, create } from "d3";
import { timeTickFormat } from "./format.ts";
import type { TimeWindow } from "./time-window.ts";

/** So many ticks that their labels do not touch. */
export function tickCount(scale: ReturnType<TimeWindow["scale"]>): number {
  const [left, right] = scale.range();
  return Math.max(2, Math.floor((right! - left!) / 110));
}

/** The one axis above all timelines. */
export function createTimeAxis(view: TimeWindow): SVGElement {
  const svg = create("svg")
    .attr("class", "time-axis")
    .attr("height", 28)
    .attr("width", "100%")
    .attr("aria-hidden", "true");
  const group = svg.append("g").attr("class", "axis").attr("transform", "translate(0,24)");
  view.onChange(() => {
    const scale = view.scale();
    const ticks = scale.ticks(tickCount(scale));
    const label = timeTickFormat(ticks);
    group.call(
      axisTop(scale)
        .tickValues(ticks)
        .tickSizeOuter(0)
        .tickFormat((time) => label(Number(time))),
    );
  });
  return svg.node()!;
}
