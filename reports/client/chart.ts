import { axisBottom, axisLeft, create, type ScaleContinuousNumeric, type Selection } from "d3";
import { element } from "./element.ts";

export type ChartSvg = Selection<SVGSVGElement, undefined, null, undefined>;

export interface Margins {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

/** The drawable box of a chart, in pixels. */
export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** An SVG as wide as its place, drawn anew whenever the width changes. */
export function responsiveChart(
  label: string,
  height: number,
  margins: Margins,
  draw: (svg: ChartSvg, frame: Frame) => void,
): HTMLElement {
  const holder = element("div", { class: "chart" });
  const svg: ChartSvg = create("svg")
    .attr("role", "img")
    .attr("aria-label", label)
    .attr("height", height)
    .attr("width", "100%");
  holder.append(svg.node()!);
  let drawnWidth = 0;
  new ResizeObserver(() => {
    const width = holder.clientWidth;
    if (width === drawnWidth || width === 0) return;
    drawnWidth = width;
    svg.selectAll("*").remove();
    draw(svg, { left: margins.left, right: width - margins.right, top: margins.top, bottom: height - margins.bottom });
  }).observe(holder);
  return holder;
}

/** Ticks of an axis and their texts. */
export interface Ticks {
  readonly values: readonly number[];
  readonly label: (value: number) => string;
}

/** As many of some ticks as have room. */
export function thinned(values: readonly number[], most: number): readonly number[] {
  const every = Math.max(1, Math.ceil(values.length / most));
  return values.filter((_, index) => index % every === 0);
}

type Scale = ScaleContinuousNumeric<number, number>;

export function drawBottomAxis(svg: ChartSvg, frame: Frame, scale: Scale, ticks: Ticks, title: string): void {
  svg
    .append("g")
    .attr("class", "axis")
    .attr("transform", `translate(0,${frame.bottom})`)
    .call(
      axisBottom(scale)
        .tickValues(ticks.values)
        .tickSizeOuter(0)
        .tickFormat((value) => ticks.label(Number(value))),
    );
  svg
    .append("text")
    .attr("class", "axis-title")
    .attr("x", frame.right)
    .attr("y", frame.bottom + 34)
    .attr("text-anchor", "end")
    .text(title);
}

/** The left axis with a grid line for each tick. */
export function drawLeftAxis(svg: ChartSvg, frame: Frame, scale: Scale, ticks: Ticks, title: string): void {
  svg
    .append("g")
    .attr("class", "axis axis-with-grid")
    .attr("transform", `translate(${frame.left},0)`)
    .call(
      axisLeft(scale)
        .tickValues(ticks.values)
        .tickSizeOuter(0)
        .tickSizeInner(frame.left - frame.right)
        .tickPadding(8)
        .tickFormat((value) => ticks.label(Number(value))),
    );
  svg
    .append("text")
    .attr("class", "axis-title")
    .attr("x", frame.left)
    .attr("y", frame.top - 10)
    .text(title);
}
