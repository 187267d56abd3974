import { axisTop, create } from "d3";
import { type TimeTicks, timeTickFormat } from "./format.ts";
import type { TimeWindow } from "./time-window.ts";

type TimeScale = ReturnType<TimeWindow["scale"]>;

/** So many ticks that their labels, of so many pixels with the room between them, do not touch. */
export function tickCount(scale: TimeScale, labelWidth = 110): number {
  const [left, right] = scale.range();
  return Math.max(2, Math.floor((right! - left!) / labelWidth));
}

/** Ticks at round times. */
function roundTicks(scale: TimeScale): TimeTicks {
  const values = scale.ticks(tickCount(scale));
  return { values, label: timeTickFormat(values) };
}

/** The one axis above all charts of a section. */
export function createTimeAxis(view: TimeWindow, ticksOf: (scale: TimeScale) => TimeTicks = roundTicks): SVGElement {
  const svg = create("svg")
    .attr("class", "time-axis")
    .attr("height", 28)
    .attr("width", "100%")
    .attr("aria-hidden", "true");
  const group = svg.append("g").attr("class", "axis").attr("transform", "translate(0,24)");
  view.onChange(() => {
    const scale = view.scale();
    const { values, label } = ticksOf(scale);
    group.call(
      axisTop(scale)
        .tickValues(values)
        .tickSizeOuter(0)
        .tickFormat((time) => label(Number(time))),
    );
  });
  return svg.node()!;
}
