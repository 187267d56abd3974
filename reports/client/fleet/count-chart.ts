import { create } from "d3";
import type { TimeWindow } from "../time-window.ts";
import { columnMaxima, type StepSeries } from "./step-series.ts";

const HEIGHT = 96;
const TOP = 16;

export interface CountLine {
  readonly series: StepSeries;
  /** Class of its area or line in the style sheet. */
  readonly style: string;
}

/** The path of the most in each column, as steps; closed where it is an area. */
function stepPath(
  values: readonly number[],
  left: number,
  width: number,
  y: (value: number) => number,
  isArea: boolean,
): string {
  const columnWidth = width / values.length;
  let path = `M${left},${y(isArea ? 0 : (values[0] ?? 0)).toFixed(1)}`;
  values.forEach((value, column) => {
    if (column > 0 && value === values[column - 1]) return;
    path += `H${(left + column * columnWidth).toFixed(1)}V${y(value).toFixed(1)}`;
  });
  return `${path}H${left + width}${isArea ? `V${y(0)}z` : ""}`;
}

/** Counts of jobs over the window's time: the first an area, the others lines above it. */
export function createCountChart(
  name: string,
  lines: readonly CountLine[],
  view: TimeWindow,
  gutter: number,
): SVGElement {
  const svg = create("svg")
    .attr("class", "count-chart")
    .attr("width", "100%")
    .attr("height", HEIGHT)
    .attr("role", "img")
    .attr("aria-label", `${name} over time, at most ${lines.map(({ series }) => series.most).join(" and ")}`);
  const most = Math.max(1, ...lines.map(({ series }) => series.most));
  const y = (value: number): number => HEIGHT - 6 - (value / most) * (HEIGHT - 6 - TOP);
  svg
    .append("text")
    .attr("class", "row-title")
    .attr("x", gutter - 8)
    .attr("y", (HEIGHT + TOP) / 2)
    .text(name);
  const grid = svg.append("g").attr("class", "grid");
  const ticks = most < 2 ? [0, 1] : [0, Math.floor(most / 2), most];
  const labels = svg.append("g").attr("class", "count-labels");
  const paths = lines.map(({ style }) => svg.append("path").attr("class", style));
  view.onChange(() => {
    const [left, right] = view.scale().range();
    const [start, end] = view.domain();
    const columns = Math.max(1, Math.floor(right! - left!));
    grid.selectAll("line").data(ticks).join("line").attr("x1", left!).attr("x2", right!).attr("y1", y).attr("y2", y);
    labels
      .selectAll("text")
      .data(ticks.slice(1))
      .join("text")
      .attr("x", left! + 4)
      .attr("y", (value) => y(value) - 3)
      .text((value) => `${value}`);
    lines.forEach(({ series }, index) => {
      paths[index]!.attr(
        "d",
        stepPath(columnMaxima(series, start, end, columns), left!, right! - left!, y, index === 0),
      );
    });
  });
  return svg.node()!;
}
