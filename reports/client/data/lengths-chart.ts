import { scaleLinear } from "d3";
import { counted, maximum } from "../../../core/index.ts";
import type { PageSource } from "../../data-page-data.ts";
import { drawBottomAxis, drawLeftAxis, responsiveChart } from "../chart.ts";
import { formatNumber } from "../format.ts";

/** How many rows have which length, and where the cutoff is. */
export function lengthsChart({ lengths, cutoffLength, name }: PageSource): HTMLElement {
  const { width, counts, numLonger } = lengths;
  const end = counts.length * width;
  const longer = numLonger === 0 ? "" : `${counted(numLonger, "row", formatNumber)} longer`;
  const label = `Lengths of the rows of ${name}, to ${formatNumber(end)} tokens${longer === "" ? "" : `; ${longer}`}`;
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
    svg
      .append("text")
      .attr("class", "axis-title")
      .attr("x", frame.right)
      .attr("y", frame.top - 10)
      .attr("text-anchor", "end")
      .text(longer === "" ? "" : `${longer} \u2192`);
    if (cutoffLength === null || cutoffLength >= end) return;
    const isRight = x(cutoffLength) > (frame.left + frame.right) / 2;
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
      .attr("x", x(cutoffLength) + (isRight ? -6 : 6))
      .attr("y", frame.top + 12)
      .attr("text-anchor", isRight ? "end" : "start")
      .text(`cutoff ${formatNumber(cutoffLength)}`);
  });
}
