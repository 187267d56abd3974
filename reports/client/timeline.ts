import { create, type Selection } from "d3";
import { counted } from "../../core/index.ts";
import { LANES, LETTERS, type ReportTrace } from "../report-data.ts";
import { formatDuration, formatNumber } from "./format.ts";
import { barFill } from "./job-colours.ts";
import { jobsOf, type PageState } from "./page-state.ts";
import { tickCount } from "./time-axis.ts";
import type { TimeWindow } from "./time-window.ts";
import { barAt, barsInWindow, type Lane, type LaneLayout, lastEnd, longestPerColumn } from "./timeline-lanes.ts";
import { drawPath } from "./timeline-path.ts";

/** More bars than this in one timeline are thinned to the longest in each two pixels of a lane. */
const MAX_BARS = 4000;
/** Pixels a bar needs for each character of its label. */
const CHARACTER_WIDTH = 7;
/** How far beside a bar the pointer still means it, in pixels. */
const REACH = 3;

const COMPUTE = LANES.indexOf("compute");
const UPDATE = LETTERS.indexOf("U");

type Svg = Selection<SVGSVGElement, undefined, null, undefined>;
type Group = Selection<SVGGElement, undefined, null, undefined>;

/** Away from the other timeline, which shows the same action. */
export function tooltipSide({ data }: PageState, traceIndex: number): "above" | "below" {
  return data.traces.length === 2 && traceIndex === 0 ? "above" : "below";
}

/** Timelines that the page has had: each clips its bars by an element of its own. */
let numTimelines = 0;

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

/** What one timeline is drawn into, from back to front. */
interface Layers {
  readonly clip: Selection<SVGRectElement, undefined, null, undefined>;
  readonly tracks: Group;
  readonly grid: Group;
  readonly bars: Group;
  readonly labels: Group;
  readonly halos: Group;
  readonly path: Group;
  readonly endLine: Selection<SVGLineElement, undefined, null, undefined>;
}

function createSvg({ data }: PageState, { source, bars, makespanSeconds }: ReportTrace, height: number): Svg {
  const total = bars.action.length;
  const inPipelines = data.pipelines.length === 0 ? "" : ` in ${data.pipelines.length} pipelines`;
  return create("svg")
    .attr("class", "timeline")
    .attr("width", "100%")
    .attr("height", height)
    .attr("tabindex", 0)
    .attr("role", "group")
    .attr("aria-roledescription", "timeline")
    .attr(
      "aria-label",
      `${source} timeline, ${formatNumber(total)} bars on ${counted(data.devices.length, "device")}${inPipelines} over ${formatDuration(makespanSeconds)}. ` +
        "Arrow keys walk through the actions, plus and minus zoom, 0 shows the whole run.",
    )
    .attr("data-source", source)
    .attr("data-bars-total", total);
}

function appendLayers(svg: Svg, clipId: string, height: number): Layers {
  const clip = svg.append("clipPath").attr("id", clipId).append("rect").attr("height", height);
  const tracks = svg.append("g").attr("class", "tracks");
  const grid = svg.append("g").attr("class", "grid");
  const plot = svg.append("g").attr("clip-path", `url(#${clipId})`);
  const bars = plot.append("g").attr("class", "bars");
  const labels = plot.append("g").attr("class", "labels");
  const halos = plot.append("g").attr("class", "halos");
  const path = plot.append("g").attr("class", "path");
  const endLine = plot.append("line").attr("class", "run-end").attr("y2", height);
  return { clip, tracks, grid, bars, labels, halos, path, endLine };
}

/** One trace: a row for each device, redrawn when the shared window moves. */
class TraceTimeline {
  readonly #state: PageState;
  readonly #traceIndex: number;
  readonly #bars: ReportTrace["bars"];
  readonly #endNs: number;
  readonly #layout: LaneLayout;
  readonly #view: TimeWindow;
  readonly #svg: Svg;
  readonly #layers: Layers;
  /** The bars that are drawn now. */
  #boxes: readonly Box[] = [];

  constructor(state: PageState, traceIndex: number, layout: LaneLayout, view: TimeWindow, gutter: number) {
    const { data } = state;
    const trace = data.traces[traceIndex]!;
    this.#state = state;
    this.#traceIndex = traceIndex;
    this.#bars = trace.bars;
    this.#endNs = lastEnd(trace.bars);
    this.#layout = layout;
    this.#view = view;
    this.#svg = createSvg(state, trace, layout.height);
    numTimelines += 1;
    this.#layers = appendLayers(this.#svg, `clip-${numTimelines}`, layout.height);
    drawLaneNames(this.#svg, layout, data.devices, gutter);
  }

  /** Draws now, and again whenever what it shows changes. */
  follow(): SVGElement {
    const node = this.#svg.node()!;
    const { hover, highlightedJob, isPathShown } = this.#state;
    const point = (event: PointerEvent): void => this.#pointAt(event);
    node.addEventListener("pointermove", point);
    node.addEventListener("pointerdown", point);
    node.addEventListener("pointerleave", () => hover.set(null));
    this.#view.onChange(() => this.#draw());
    hover.subscribe(() => this.#drawHalos());
    isPathShown.subscribe(() => this.#drawPath());
    highlightedJob.subscribe(() => this.#dim());
    return node;
  }

  #draw(): void {
    const [start, end] = this.#view.domain();
    this.#boxes = this.#boxesInWindow();
    this.#svg.attr("data-bars-drawn", this.#boxes.length).attr("data-domain-start", start).attr("data-domain-end", end);
    this.#drawGround();
    this.#drawBars();
    this.#drawLabels();
    this.#drawHalos();
    this.#drawPath();
    this.#dim();
  }

  #drawPath(): void {
    const { data, isPathShown } = this.#state;
    const { path } = data.traces[this.#traceIndex]!;
    drawPath(this.#layers.path, this.#layout, this.#view, isPathShown.get() ? path : null);
  }

  #boxesInWindow(): readonly Box[] {
    const [left, right] = this.#range();
    const [start, end] = this.#view.domain();
    const { lanes } = this.#layout;
    const inWindow = lanes.map((lane) => barsInWindow(this.#bars, lane, start, end));
    const columnNs = (2 * (end - start)) / (right - left);
    const isDense = inWindow.reduce((sum, lane) => sum + lane.length, 0) > MAX_BARS;
    return lanes.flatMap((lane, index) => {
      const own = inWindow[index]!;
      return (isDense ? longestPerColumn(this.#bars, own, columnNs) : own).map((bar) => this.#boxOf(bar, lane));
    });
  }

  #boxOf(bar: number, lane: Lane): Box {
    const scale = this.#view.scale();
    const { startNs, durationNs } = this.#bars;
    const x = scale(startNs[bar]!);
    const width = scale(startNs[bar]! + durationNs[bar]!) - x;
    const inset = this.#letterOf(bar) === UPDATE && lane.stream === COMPUTE ? lane.height * 0.3 : 0;
    const gap = width > 4 ? 0.75 : 0;
    return { bar, x, y: lane.top + inset, width: Math.max(1, width - gap), height: lane.height - 2 * inset };
  }

  /** What lies behind the bars, and the line where the run ends. */
  #drawGround(): void {
    const scale = this.#view.scale();
    const [left, right] = this.#range();
    const { clip, tracks, grid, endLine } = this.#layers;
    clip.attr("x", left).attr("width", right - left);
    tracks
      .selectAll("rect")
      .data(this.#layout.lanes)
      .join("rect")
      .attr("x", left)
      .attr("width", right - left)
      .attr("y", ({ top }) => top)
      .attr("height", ({ height }) => height);
    grid
      .selectAll("line")
      .data(scale.ticks(tickCount(scale)))
      .join("line")
      .attr("x1", (time) => scale(time))
      .attr("x2", (time) => scale(time))
      .attr("y2", this.#layout.height);
    const endX = scale(this.#endNs);
    endLine.attr("x1", endX).attr("x2", endX);
  }

  #drawBars(): void {
    const { data } = this.#state;
    this.#layers.bars
      .selectAll<SVGRectElement, Box>("rect")
      .data(this.#boxes, ({ bar }) => bar)
      .join((enter) =>
        enter
          .append("rect")
          .attr("class", ({ bar }) => `bar bar-${LETTERS[this.#letterOf(bar)]}`)
          .attr("data-action", ({ bar }) => this.#keyOf(bar))
          .attr("data-stream", ({ bar }) => LANES[this.#bars.stream[bar]!]!)
          .style("fill", ({ bar }) =>
            barFill(data, data.actions.jobSet[this.#bars.action[bar]!]!, this.#letterOf(bar)),
          ),
      )
      .attr("x", ({ x }) => x)
      .attr("y", ({ y }) => y)
      .attr("width", ({ width }) => width)
      .attr("height", ({ height }) => height);
  }

  /** The names of actions, in the bars that have room for theirs. */
  #drawLabels(): void {
    const [left, right] = this.#range();
    const labelled = this.#boxes.filter(({ bar, height, x, width }) => {
      const visible = Math.min(x + width, right) - Math.max(x, left);
      const needed = 8 + CHARACTER_WIDTH * this.#keyOf(bar).length;
      return this.#bars.stream[bar] === COMPUTE && height > 16 && visible > needed;
    });
    this.#layers.labels
      .selectAll<SVGTextElement, Box>("text")
      .data(labelled, ({ bar }) => bar)
      .join((enter) =>
        enter
          .append("text")
          .attr("class", ({ bar }) => `label-${LETTERS[this.#letterOf(bar)]}`)
          .text(({ bar }) => this.#keyOf(bar)),
      )
      .attr("x", ({ x, width }) => (Math.max(x, left) + Math.min(x + width, right)) / 2)
      .attr("y", ({ y, height }) => y + height / 2);
  }

  /** A frame around every bar of the action that the pointer is on. */
  #drawHalos(): void {
    const action = this.#state.hover.get()?.action;
    const isHovered = ({ bar }: Box): boolean => this.#bars.action[bar] === action;
    this.#layers.bars.selectAll<SVGRectElement, Box>("rect").classed("is-hovered", isHovered);
    this.#layers.halos
      .selectAll("rect")
      .data(action === undefined ? [] : this.#boxes.filter(isHovered))
      .join("rect")
      .attr("class", "halo")
      .attr("data-action", ({ bar }) => this.#keyOf(bar))
      .attr("x", ({ x }) => x - 1)
      .attr("y", ({ y }) => y - 1)
      .attr("width", ({ width }) => width + 2)
      .attr("height", ({ height }) => height + 2)
      .attr("rx", 2);
  }

  /** Bars of other jobs than the highlighted one step back. */
  #dim(): void {
    const job = this.#state.highlightedJob.get();
    const isDim = ({ bar }: Box): boolean =>
      job !== null && !jobsOf(this.#state.data, this.#bars.action[bar]!).includes(job);
    this.#layers.bars.selectAll<SVGRectElement, Box>("rect").classed("is-dim", isDim);
    this.#layers.labels.selectAll<SVGTextElement, Box>("text").classed("is-dim", isDim);
  }

  #pointAt(event: PointerEvent): void {
    const box = this.#svg.node()!.getBoundingClientRect();
    const bar = this.#barAt(event.clientX - box.left, event.clientY - box.top);
    this.#state.hover.set(
      bar === undefined
        ? null
        : {
            action: this.#bars.action[bar]!,
            x: event.clientX,
            y: event.clientY,
            side: tooltipSide(this.#state, this.#traceIndex),
          },
    );
  }

  #barAt(x: number, y: number): number | undefined {
    const scale = this.#view.scale();
    const lane = this.#layout.lanes.find(({ top, height }) => y >= top - 1 && y <= top + height + 1);
    if (lane === undefined || x < this.#range()[0]) return undefined;
    return barAt(this.#bars, lane, scale.invert(x), scale.invert(REACH) - scale.invert(0));
  }

  /** Left and right of the plot, in pixels. */
  #range(): readonly [number, number] {
    const [left, right] = this.#view.scale().range();
    return [left!, right!];
  }

  #keyOf(bar: number): string {
    return this.#state.data.actions.key[this.#bars.action[bar]!]!;
  }

  #letterOf(bar: number): number {
    return this.#state.data.actions.letter[this.#bars.action[bar]!]!;
  }
}

export function createTimeline(
  state: PageState,
  traceIndex: number,
  layout: LaneLayout,
  view: TimeWindow,
  gutter: number,
): SVGElement {
  return new TraceTimeline(state, traceIndex, layout, view, gutter).follow();
}
