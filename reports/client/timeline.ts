import { axisTop, create, type Selection } from "d3";
import { LANES, LETTERS } from "../report-data.ts";
import { formatDuration, formatNumber, timeTickFormat } from "./format.ts";
import { barFill } from "./job-colours.ts";
import { jobsOf, type PageState } from "./page-state.ts";
import type { TimeWindow } from "./time-window.ts";
import { barAt, barsInWindow, type Lane, type LaneLayout, lastEnd, longestPerColumn } from "./timeline-lanes.ts";

/** More bars than this in one timeline are thinned to the longest in each two pixels of a lane. */
const MAX_BARS = 4000;
/** Pixels a bar needs for each character of its label. */
const CHARACTER_WIDTH = 7;
/** How far beside a bar the pointer still means it, in pixels. */
const REACH = 3;

const COMPUTE = LANES.indexOf("compute");
const UPDATE = LETTERS.indexOf("U");

type Svg = Selection<SVGSVGElement, undefined, null, undefined>;

function tickCount(scale: ReturnType<TimeWindow["scale"]>): number {
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

/** Away from the other timeline, which shows the same action. */
export function tooltipSide({ data }: PageState, traceIndex: number): "above" | "below" {
  return data.traces.length === 2 && traceIndex === 0 ? "above" : "below";
}

/** A bar as it is drawn. */
interface Box {
  readonly bar: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function drawLaneNames(svg: Svg, layout: LaneLayout, devices: readonly string[], gutter: number): void {
  svg
    .append("g")
    .attr("class", "pipeline-names")
    .selectAll("text")
    .data(layout.headings)
    .join("text")
    .attr("x", 4)
    .attr("y", ({ middle }) => middle)
    .text(({ pipeline }) => `pipeline ${pipeline}`);
  const names = svg.append("g").attr("class", "lane-names");
  for (const { device, stream, top, height } of layout.lanes) {
    const isDevice = stream === COMPUTE;
    const name = isDevice ? devices[device]! : LANES[stream]!;
    const shown = name.length > 13 ? `${name.slice(0, 12)}…` : name;
    names
      .append("text")
      .attr("class", isDevice ? "device-name" : "stream-name")
      .attr("x", gutter - 12)
      .attr("y", top + height / 2)
      .text(shown)
      .append("title")
      .text(name);
  }
}

/** One trace: a row for each device, redrawn when the shared window moves. */
export function createTimeline(
  state: PageState,
  traceIndex: number,
  layout: LaneLayout,
  view: TimeWindow,
  gutter: number,
): SVGElement {
  const { data } = state;
  const trace = data.traces[traceIndex]!;
  const { bars } = trace;
  const { actions } = data;
  const total = bars.action.length;
  const endNs = lastEnd(bars);
  const inPipelines = data.pipelines.length === 0 ? "" : ` in ${data.pipelines.length} pipelines`;
  const svg: Svg = create("svg")
    .attr("class", "timeline")
    .attr("width", "100%")
    .attr("height", layout.height)
    .attr("tabindex", 0)
    .attr("role", "group")
    .attr("aria-roledescription", "timeline")
    .attr(
      "aria-label",
      `${trace.source} timeline, ${formatNumber(total)} bars on ${data.devices.length} devices${inPipelines} over ${formatDuration(trace.makespanSeconds)}. ` +
        "Arrow keys walk through the actions, plus and minus zoom, 0 shows the whole run.",
    )
    .attr("data-source", trace.source)
    .attr("data-bars-total", total);
  const clipId = `clip-${traceIndex}`;
  const clip = svg.append("clipPath").attr("id", clipId).append("rect").attr("height", layout.height);
  const tracks = svg.append("g").attr("class", "tracks");
  const grid = svg.append("g").attr("class", "grid");
  const plot = svg.append("g").attr("clip-path", `url(#${clipId})`);
  const barLayer = plot.append("g").attr("class", "bars");
  const labelLayer = plot.append("g").attr("class", "labels");
  const haloLayer = plot.append("g").attr("class", "halos");
  const endLine = plot.append("line").attr("class", "run-end").attr("y2", layout.height);
  drawLaneNames(svg, layout, data.devices, gutter);
  let boxes: readonly Box[] = [];

  const boxOf = (bar: number, lane: Lane): Box => {
    const scale = view.scale();
    const x = scale(bars.startNs[bar]!);
    const width = scale(bars.startNs[bar]! + bars.durationNs[bar]!) - x;
    const inset = actions.letter[bars.action[bar]!] === UPDATE && lane.stream === COMPUTE ? lane.height * 0.3 : 0;
    const gap = width > 4 ? 0.75 : 0;
    return { bar, x, y: lane.top + inset, width: Math.max(1, width - gap), height: lane.height - 2 * inset };
  };
  const keyOf = (bar: number): string => actions.key[bars.action[bar]!]!;

  const drawHalos = (): void => {
    const action = state.hover.get()?.action;
    const hovered = action === undefined ? [] : boxes.filter(({ bar }) => bars.action[bar] === action);
    barLayer.selectAll<SVGRectElement, Box>("rect").classed("is-hovered", ({ bar }) => bars.action[bar] === action);
    haloLayer
      .selectAll("rect")
      .data(hovered)
      .join("rect")
      .attr("class", "halo")
      .attr("data-action", ({ bar }) => keyOf(bar))
      .attr("x", ({ x }) => x - 1)
      .attr("y", ({ y }) => y - 1)
      .attr("width", ({ width }) => width + 2)
      .attr("height", ({ height }) => height + 2)
      .attr("rx", 2);
  };
  const dim = (): void => {
    const job = state.highlightedJob.get();
    const isDim = ({ bar }: Box): boolean => job !== null && !jobsOf(data, bars.action[bar]!).includes(job);
    barLayer.selectAll<SVGRectElement, Box>("rect").classed("is-dim", isDim);
    labelLayer.selectAll<SVGTextElement, Box>("text").classed("is-dim", isDim);
  };

  const draw = (): void => {
    const scale = view.scale();
    const [left, right] = scale.range();
    const [start, end] = view.domain();
    const inWindow = layout.lanes.map((lane) => barsInWindow(bars, lane, start, end));
    const columnNs = (2 * (end - start)) / (right! - left!);
    const isDense = inWindow.reduce((sum, lane) => sum + lane.length, 0) > MAX_BARS;
    boxes = layout.lanes.flatMap((lane, index) => {
      const own = inWindow[index]!;
      return (isDense ? longestPerColumn(bars, own, columnNs) : own).map((bar) => boxOf(bar, lane));
    });
    svg.attr("data-bars-drawn", boxes.length).attr("data-domain-start", start).attr("data-domain-end", end);
    clip.attr("x", left!).attr("width", right! - left!);
    tracks
      .selectAll("rect")
      .data(layout.lanes)
      .join("rect")
      .attr("x", left!)
      .attr("width", right! - left!)
      .attr("y", ({ top }) => top)
      .attr("height", ({ height }) => height);
    grid
      .selectAll("line")
      .data(scale.ticks(tickCount(scale)))
      .join("line")
      .attr("x1", (time) => scale(time))
      .attr("x2", (time) => scale(time))
      .attr("y2", layout.height);
    barLayer
      .selectAll<SVGRectElement, Box>("rect")
      .data(boxes, ({ bar }) => bar)
      .join((enter) =>
        enter
          .append("rect")
          .attr("class", ({ bar }) => `bar bar-${LETTERS[actions.letter[bars.action[bar]!]!]}`)
          .attr("data-action", ({ bar }) => keyOf(bar))
          .attr("data-stream", ({ bar }) => LANES[bars.stream[bar]!]!)
          .style("fill", ({ bar }) => {
            const action = bars.action[bar]!;
            return barFill(data, actions.jobSet[action]!, actions.letter[action]!);
          }),
      )
      .attr("x", ({ x }) => x)
      .attr("y", ({ y }) => y)
      .attr("width", ({ width }) => width)
      .attr("height", ({ height }) => height);
    const labelled = boxes.filter(({ bar, height, x, width }) => {
      const visible = Math.min(x + width, right!) - Math.max(x, left!);
      return bars.stream[bar] === COMPUTE && height > 16 && visible > 8 + CHARACTER_WIDTH * keyOf(bar).length;
    });
    labelLayer
      .selectAll<SVGTextElement, Box>("text")
      .data(labelled, ({ bar }) => bar)
      .join((enter) =>
        enter
          .append("text")
          .attr("class", ({ bar }) => `label-${LETTERS[actions.letter[bars.action[bar]!]!]}`)
          .text(({ bar }) => keyOf(bar)),
      )
      .attr("x", ({ x, width }) => (Math.max(x, left!) + Math.min(x + width, right!)) / 2)
      .attr("y", ({ y, height }) => y + height / 2);
    const endX = scale(endNs);
    endLine.attr("x1", endX).attr("x2", endX);
    drawHalos();
    dim();
  };

  const pointAt = (event: PointerEvent): void => {
    const box = svg.node()!.getBoundingClientRect();
    const scale = view.scale();
    const [left] = scale.range();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const lane = layout.lanes.find(({ top, height }) => y >= top - 1 && y <= top + height + 1);
    const reachNs = scale.invert(REACH) - scale.invert(0);
    const bar = lane && x >= left! ? barAt(bars, lane, scale.invert(x), reachNs) : undefined;
    state.hover.set(
      bar === undefined
        ? null
        : { action: bars.action[bar]!, x: event.clientX, y: event.clientY, side: tooltipSide(state, traceIndex) },
    );
  };
  const node = svg.node()!;
  node.addEventListener("pointermove", pointAt);
  node.addEventListener("pointerdown", pointAt);
  node.addEventListener("pointerleave", () => state.hover.set(null));
  view.onChange(draw);
  state.hover.subscribe(drawHalos);
  state.highlightedJob.subscribe(dim);
  return node;
}
