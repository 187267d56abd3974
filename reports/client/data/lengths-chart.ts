import { scaleLinear } from "d3";
import { maximum } from "../../../core/index.ts";
import type { PageSource } from "../../data-page-data.ts";
import { drawBottomAxis, drawLeftAxis, responsiveChart } from "../chart.ts";
import { formatNumber } from "../format.ts";

/** How many rows have which length, and where the cutoff is. */
export function lengthsChart({ lengths, cutoffLength, name }: PageSource): HTMLElement {
  const { width, counts } = lengths;
  const end = counts.length * width;
  const label = `Lengths of the rows of ${name}: the longest has fewer than ${formatNumber(end)} tokens`;
  return responsiveChart(label, 190, { top: 26, right: 12, bottom: 42, left: 52 }, (svg, frame) => {
    const x = scaleLinear([0, end], [frame.left, frame.right]);
    const y = scaleLinear([0, maximum(counts)], [frame.bottom, frame.top]).nice();
    const ticks = (values: readonly number[]) => ({ values, label: formatNumber });
    const whole = y.ticks(4).filter(Number.isInteger);
    drawLeftAxis(svg, frame, y, ticks(whole), "rows");
    drawBottomAxis(
      svg,
      frame,
      x,
      ticks(x.ticks(Math.max(2, Math.floor((frame.right - frame.left) / 80)))),
      "tokens of a row",
    );
    svg
      .append("g")
      .attr("class", "lengths")
      .selectAll("rect")
      .data(counts)
      .join("rect")
      .attr("x", (_, at) => x(at * width))
      .attr("width", Math.max(1, x(width) - x(0) - 1))
      .attr("y", (count) => y(count))
      .attr("height", (count) => frame.bottom - y(count))
      .append("title")
      .text(
        (count, at) =>
          `${formatNumber(count)} rows of ${formatNumber(at * width)} to ${formatNumber((at + 1) * width - 1)} tokens`,
      );
    if (cutoffLength === null || cutoffLength >= end) return;
    svg
      .append("line")
      .attr("class", "cutoff")
      .attr("x1", x(cutoffLength))
      .attr("x2", x(cutoffLength))
      .attr("y1", frame.top)
      .attr("y2", frame.bottom);
    svg
      .append("text")
      .attr("class", "cutoff-name")
      .attr("x", x(cutoffLength))
      .attr("y", frame.top - 6)
      .attr("text-anchor", x(cutoffLength) > (frame.left + frame.right) / 2 ? "end" : "start")
      .text(`cutoff ${formatNumber(cutoffLength)}`);
  });
}
