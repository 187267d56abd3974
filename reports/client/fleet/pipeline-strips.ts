import { create } from "d3";
import type { FleetPart } from "../../fleet-data.ts";
import type { TimeWindow } from "../time-window.ts";
import { columnMaxima, countSeries } from "./step-series.ts";

/** Shades between an idle pipeline and one with as many jobs as any ever had. */
const SHADES = 4;
/** From so many pipelines on the rows are thin, and only some have their names. */
const MANY = 16;

/** Runs of columns with the same shade: first column, one more than the last, shade. */
function runs(shades: readonly number[]): readonly (readonly [number, number, number])[] {
  const found: [number, number, number][] = [];
  shades.forEach((shade, column) => {
    const last = found.at(-1);
    if (last !== undefined && last[2] === shade && last[1] === column) last[1] = column + 1;
    else if (shade > 0) found.push([column, column + 1, shade]);
  });
  return found;
}

/** A row for each pipeline, the darker the more jobs train on it. */
export function createPipelineStrips({ spans, numPipelines }: FleetPart, view: TimeWindow, gutter: number): SVGElement {
  const row = numPipelines >= MANY ? 7 : 18;
  const named = numPipelines >= MANY ? 8 : 1;
  const own = Array.from({ length: numPipelines }, (_, pipeline) =>
    countSeries(spans, (span) => spans.pipeline[span] === pipeline),
  );
  const most = Math.max(1, ...own.map((series) => series.most));
  const svg = create("svg")
    .attr("class", "pipeline-strips")
    .attr("width", "100%")
    .attr("height", numPipelines * row + 8)
    .attr("role", "img")
    .attr(
      "aria-label",
      `Jobs on each of ${numPipelines} pipelines over time; at most ${own.map((series) => series.most).join(", ")}`,
    );
  const rows = own.map((series, pipeline) => {
    const group = svg.append("g");
    if (pipeline % named === 0)
      group
        .append("text")
        .attr("class", "row-title")
        .attr("x", gutter - 8)
        .attr("y", (pipeline + 0.5) * row + 4)
        .text(`pipeline ${pipeline}`);
    return { series, group, top: pipeline * row + 4 };
  });
  view.onChange(() => {
    const [left, right] = view.scale().range();
    const [start, end] = view.domain();
    const columns = Math.max(1, Math.floor(right! - left!));
    for (const { series, group, top } of rows) {
      const shades = columnMaxima(series, start, end, columns).map((value) => Math.ceil((SHADES * value) / most));
      group
        .selectAll("rect")
        .data([[0, columns, 0] as const, ...runs(shades)])
        .join("rect")
        .attr("class", ([, , shade]) => (shade === 0 ? "strip-track" : "strip"))
        .style("opacity", ([, , shade]) => (shade === 0 ? 1 : shade / SHADES))
        .attr("x", ([from]) => left! + from)
        .attr("width", ([from, to]) => to - from)
        .attr("y", top)
        .attr("height", row - 3);
    }
  });
  return svg.node()!;
}
