import { create, type Selection } from "d3";
import { counted } from "../../../core/index.ts";
import { type FleetPart, SPAN_KINDS } from "../../fleet-data.ts";
import { element } from "../element.ts";
import { jobHue } from "../job-colours.ts";
import { onPaper } from "../print.ts";
import { shortNames } from "../short-names.ts";
import type { TimeWindow } from "../time-window.ts";
import type { FleetState, Pointed } from "./fleet-state.ts";
import { bindGanttKeys } from "./gantt-keys.ts";
import { rowBars, rowStarts, spanAt } from "./span-rows.ts";

/** Pixels. */
const ROW = 20;
const BAR = 13;
const MOST_HEIGHT = 460;
/** How far beside a bar the pointer still means it, and how wide the narrowest bar is. */
const REACH = 4;
const NARROWEST = 2;
const CHARACTER_WIDTH = 7.4;
/** From this width on a bar says its pipeline. */
const LABELLED = 22;

type Svg = Selection<SVGSVGElement, undefined, null, undefined>;

/** A chart of jobs over time, a row each, of which only those in sight are drawn. */
export interface Gantt {
  readonly node: HTMLElement;
  /** Brings a row into sight. */
  scrollTo(job: number): void;
  /** Whether only jobs have rows that were there in the window's time. */
  showOfWindow(isOfWindow: boolean): void;
  /** Shows a fleet anew, as one that goes on. */
  update(fleet: FleetPart): void;
}

/** A row in sight; `middle` in pixels from the chart's top. */
interface Row {
  readonly job: number;
  readonly middle: number;
}

/** A rectangle as a piece of a path. */
function box(x: number, y: number, width: number, height: number): string {
  return `M${x.toFixed(1)},${y.toFixed(1)}h${width.toFixed(1)}v${height}h${(-width).toFixed(1)}z`;
}

/** Where a bar says on which pipeline it is. */
interface PipelineMark {
  readonly x: number;
  readonly middle: number;
  readonly pipeline: number;
}

/** How a span looks: on a pipeline a bar in the job's hue, else lines that differ in form. */
function shape(kind: (typeof SPAN_KINDS)[number], x: number, width: number, middle: number): string {
  switch (kind) {
    case "training":
    case "leaving":
      return box(x, middle - BAR / 2, width, BAR);
    case "waiting":
      return box(x, middle - 1.5, width, 3);
    case "preempted":
      return box(x, middle - 3.5, width, 7);
    case "paused":
      return box(x, middle - 4, width, 2) + box(x, middle + 2, width, 2);
  }
}

/** What is pointed at in a fleet that went on; null where that is not shown any more. */
function samePointed(
  { fleet: before, job: was, span, ...place }: Pointed,
  fleet: FleetPart,
  rowOf: (job: number) => readonly [number, number],
): Pointed | null {
  const job = fleet.jobs.findIndex(({ name }) => name === before.jobs[was]!.name);
  if (job < 0) return null;
  if (span < 0) return { fleet, job, span, ...place };
  const [from, to] = rowOf(job);
  for (let each = from; each < to; each += 1)
    if (fleet.spans.startNs[each] === before.spans.startNs[span]) return { fleet, job, span: each, ...place };
  return null;
}

class GanttChart {
  #fleet: FleetPart;
  #first: readonly number[];
  readonly #state: FleetState;
  readonly #view: TimeWindow;
  readonly #gutter: number;
  readonly #svg: Svg;
  readonly #scroller: HTMLElement;
  readonly #room: HTMLElement;
  /** Of all jobs, as there is room. */
  #names: readonly string[] = [];
  /** Jobs with rows, in turn, and the place of each job's row. */
  #rows: readonly number[] = [];
  #places: ReadonlyMap<number, number> = new Map();
  #isOfWindow = false;
  #isOnPaper = false;
  /** Where a row was asked to be in sight. */
  #wantedTop = 0;

  constructor(fleet: FleetPart, state: FleetState, view: TimeWindow, gutter: number) {
    this.#fleet = fleet;
    this.#first = rowStarts(fleet.spans, fleet.jobs.length);
    this.#state = state;
    this.#view = view;
    this.#gutter = gutter;
    this.#svg = create("svg").attr("class", "gantt").attr("width", "100%").attr("tabindex", 0);
    this.#svg.attr("role", "group").attr("aria-roledescription", "Gantt chart");
    for (const layer of ["grid", "bars", "pipelines", "marks", "row-names", "halo-layer"])
      this.#svg.append("g").attr("class", layer);
    this.#room = element("div", { class: "gantt-room" });
    this.#room.append(this.#svg.node()!);
    this.#scroller = element("div", { class: "gantt-scroller" }, [this.#room]);
    this.#measure();
  }

  get node(): HTMLElement {
    return this.#scroller;
  }

  get fleet(): FleetPart {
    return this.#fleet;
  }

  get rows(): readonly number[] {
    return this.#rows;
  }

  /** Whether only jobs have rows that were there in the window's time. */
  showOfWindow(isOfWindow: boolean): void {
    this.#isOfWindow = isOfWindow;
    this.draw();
  }

  rowOf(job: number): readonly [number, number] {
    return [this.#first[job]!, this.#first[job + 1]!];
  }

  follow(): void {
    const svg = this.#svg.node()!;
    const { pointed } = this.#state;
    this.#view.onChange(() => this.draw());
    this.#scroller.addEventListener("scroll", () => {
      // What the keyboard points at scrolls by itself.
      if (this.#scroller.scrollTop !== this.#wantedTop) pointed.set(null);
      this.draw();
    });
    const point = (event: PointerEvent): void => this.#pointAt(event);
    svg.addEventListener("pointermove", point);
    svg.addEventListener("pointerdown", point);
    svg.addEventListener("pointerleave", () => pointed.set(null));
    pointed.subscribe(() => this.#drawHalo());
    onPaper((isOnPaper) => {
      this.#isOnPaper = isOnPaper;
      this.#measure();
      this.draw();
    });
  }

  update(fleet: FleetPart): void {
    const [before, at] = [this.#fleet, this.#state.pointed.get()];
    this.#fleet = fleet;
    this.#first = rowStarts(fleet.spans, fleet.jobs.length);
    this.#measure();
    this.draw();
    if (at !== null && at.fleet === before) this.#state.pointed.set(samePointed(at, fleet, (job) => this.rowOf(job)));
  }

  scrollTo(job: number): void {
    this.#chooseRows();
    const top = (this.#places.get(job) ?? 0) * ROW;
    const { scrollTop, clientHeight } = this.#scroller;
    if (top < scrollTop || top + ROW > scrollTop + clientHeight)
      this.#scroller.scrollTop = Math.max(0, top - clientHeight / 2);
    this.#wantedTop = this.#scroller.scrollTop;
    this.draw();
  }

  /** Points at a span from the keyboard. */
  select(job: number, span: number): void {
    this.scrollTo(job);
    const { left, top } = this.#svg.node()!.getBoundingClientRect();
    const { spans, jobs } = this.#fleet;
    const [start, end] = this.#view.domain();
    const middle =
      span < 0 ? jobs[job]!.arrivalNs : (Math.max(start, spans.startNs[span]!) + Math.min(end, spans.endNs[span]!)) / 2;
    const y = top + ((this.#places.get(job) ?? 0) + 1) * ROW - this.#scroller.scrollTop;
    this.#state.pointed.set({ fleet: this.#fleet, job, span, x: left + this.#view.scale()(middle), y });
  }

  draw(): void {
    this.#chooseRows();
    const [left, right] = this.#range();
    const domain = this.#view.domain();
    const scale = this.#view.scale();
    const columnNs = (NARROWEST * (domain[1] - domain[0])) / Math.max(1, right - left);
    const paths = new Map<string, string>();
    const onPipelines: PipelineMark[] = [];
    const rows = this.#rowsInSight();
    const { spans, jobs } = this.#fleet;
    for (const { job, middle } of rows)
      for (const { span, startNs, endNs } of rowBars(spans, this.rowOf(job), domain, columnNs)) {
        const x = Math.max(left, scale(startNs));
        const width = Math.max(1, Math.min(right, scale(endNs)) - x);
        const [kind, pipeline] = [SPAN_KINDS[spans.kind[span]!]!, spans.pipeline[span]!];
        const style = `${kind} ${jobHue(jobs[job]!.colour ?? job)}`;
        paths.set(style, (paths.get(style) ?? "") + shape(kind, x, width, middle));
        if (pipeline >= 0 && width >= LABELLED) onPipelines.push({ x: x + width / 2, middle, pipeline });
      }
    this.#svg
      .select(".bars")
      .selectAll<SVGPathElement, [string, string]>("path")
      .data([...paths], ([style]) => style)
      .join("path")
      .attr("class", ([style]) => `span-${style.split(" ")[0]}`)
      .style("--hue", ([style]) => style.split(" ")[1]!)
      .attr("d", ([, path]) => path);
    this.#svg
      .select(".pipelines")
      .selectAll("text")
      .data(this.#fleet.numPipelines > 1 ? onPipelines : [])
      .join("text")
      .attr("x", ({ x }) => x)
      .attr("y", ({ middle }) => middle)
      .text(({ pipeline }) => `${pipeline}`);
    this.#svg.attr("data-rows-drawn", rows.length);
    this.#drawGround(rows);
    this.#drawMarks(rows);
    this.#drawHalo();
  }

  #range(): readonly [number, number] {
    const [left, right] = this.#view.scale().range();
    return [left!, right!];
  }

  #chooseRows(): void {
    const { jobs, spans } = this.#fleet;
    const [start, end] = this.#view.domain();
    const isThere = (job: number): boolean => {
      const lastNs = spans.endNs[this.rowOf(job)[1] - 1] ?? 0;
      return jobs[job]!.arrivalNs <= end && Math.max(jobs[job]!.arrivalNs, lastNs) >= start;
    };
    this.#rows = jobs.map((_, job) => job).filter((job) => !this.#isOfWindow || isThere(job));
    this.#places = new Map(this.#rows.map((job, place) => [job, place]));
    this.#room.style.height = this.#isOnPaper ? "" : `${Math.max(1, this.#rows.length) * ROW}px`;
  }

  /** The chart keeps its height, so that what lies below it stays. */
  #measure(): void {
    const most = Math.max(5, Math.floor((this.#gutter - 12) / CHARACTER_WIDTH));
    this.#names = shortNames(
      this.#fleet.jobs.map(({ name }) => name),
      most,
    );
    const all = Math.max(1, this.#fleet.jobs.length) * ROW;
    const inSight = this.#isOnPaper ? Math.max(1, this.#rows.length) * ROW : Math.min(MOST_HEIGHT, all);
    this.#scroller.style.height = this.#isOnPaper ? "" : `${inSight}px`;
    this.#svg
      .attr("height", inSight)
      .attr(
        "aria-label",
        `${this.#fleet.title}: ${counted(this.#fleet.jobs.length, "job")} over time. Arrow keys walk through jobs and what they ` +
          "did, plus and minus zoom, 0 shows all.",
      );
  }

  #rowsInSight(): readonly Row[] {
    const top = this.#scroller.scrollTop;
    const first = Math.floor(top / ROW);
    const count = Math.ceil((Number(this.#svg.attr("height")) + ROW) / ROW);
    return this.#rows
      .slice(first, first + count)
      .map((job, index) => ({ job, middle: (first + index + 0.5) * ROW - top }));
  }

  #drawGround(rows: readonly Row[]): void {
    const [left, right] = this.#range();
    this.#svg
      .select(".grid")
      .selectAll("line")
      .data(rows)
      .join("line")
      .attr("x1", left)
      .attr("x2", right)
      .attr("y1", ({ middle }) => middle + ROW / 2)
      .attr("y2", ({ middle }) => middle + ROW / 2);
    this.#svg
      .select(".row-names")
      .selectAll("text")
      .data(rows)
      .join("text")
      .attr("x", this.#gutter - 8)
      .attr("y", ({ middle }) => middle)
      .text(({ job }) => this.#names[job]!)
      .filter(({ job }) => this.#names[job] !== this.#fleet.jobs[job]!.name)
      .append("title")
      .text(({ job }) => this.#fleet.jobs[job]!.name);
  }

  /** Where a job came, and how it ended unless after its last iteration. */
  #drawMarks(rows: readonly Row[]): void {
    const [left, right] = this.#range();
    const scale = this.#view.scale();
    const marks = rows.flatMap(({ job, middle }) => {
      const { arrivalNs, outcome } = this.#fleet.jobs[job]!;
      const lastNs = this.#fleet.spans.endNs[this.rowOf(job)[1] - 1];
      const hasSpans = this.rowOf(job)[0] < this.rowOf(job)[1];
      const end = outcome === "stopped" ? "■" : outcome === "refused" ? "✕" : "";
      const at = [{ x: scale(arrivalNs), middle, text: "╷", kind: "arrival" }];
      if (end !== "") at.push({ x: scale(hasSpans ? lastNs! : arrivalNs) + 6, middle, text: end, kind: outcome });
      return at.filter(({ x }) => x >= left - 1 && x <= right + 10);
    });
    this.#svg
      .select(".marks")
      .selectAll("text")
      .data(marks)
      .join("text")
      .attr("class", ({ kind }) => `mark-${kind}`)
      .attr("x", ({ x }) => x)
      .attr("y", ({ middle }) => middle)
      .text(({ text }) => text);
  }

  #drawHalo(): void {
    const at = this.#state.pointed.get();
    const [left, right] = this.#range();
    const scale = this.#view.scale();
    const isOwn = at !== null && at.fleet === this.#fleet && at.span >= 0;
    this.#svg
      .select(".halo-layer")
      .selectAll("rect")
      .data(isOwn ? [at] : [])
      .join("rect")
      .attr("class", "halo")
      .attr("rx", 2)
      .attr("x", ({ span }) => Math.max(left, scale(this.#fleet.spans.startNs[span]!)) - 1)
      .attr("width", ({ span }) => {
        const { startNs, endNs } = this.#fleet.spans;
        return Math.max(3, Math.min(right, scale(endNs[span]!)) - Math.max(left, scale(startNs[span]!)) + 2);
      })
      .attr("y", ({ job }) => (this.#places.get(job) ?? 0) * ROW - this.#scroller.scrollTop + 1.5)
      .attr("height", ROW - 3);
  }

  #pointAt(event: PointerEvent): void {
    const { left, top } = this.#svg.node()!.getBoundingClientRect();
    const job = this.#rows[Math.floor((event.clientY - top + this.#scroller.scrollTop) / ROW)];
    const { pointed } = this.#state;
    if (job === undefined) {
      pointed.set(null);
      return;
    }
    const scale = this.#view.scale();
    const timeNs = scale.invert(event.clientX - left);
    const reachNs = scale.invert(event.clientX - left + REACH) - timeNs;
    const span = spanAt(this.#fleet.spans, this.rowOf(job), timeNs, reachNs);
    const { arrivalNs, outcome } = this.#fleet.jobs[job]!;
    const isRefused = outcome === "refused" && Math.abs(timeNs - arrivalNs) <= 4 * reachNs;
    const isEmpty = span === undefined && !isRefused;
    pointed.set(isEmpty ? null : { fleet: this.#fleet, job, span: span ?? -1, x: event.clientX, y: event.clientY });
  }
}

/** A chart that follows a time window; `announce` says what the keyboard points at. */
export function createGantt(
  fleet: FleetPart,
  state: FleetState,
  view: TimeWindow,
  gutter: number,
  announce: (text: string) => void,
): Gantt {
  const chart = new GanttChart(fleet, state, view, gutter);
  chart.follow();
  bindGanttKeys(chart.node.querySelector("svg")!, chart, state, view, announce);
  return {
    node: chart.node,
    scrollTo: (job) => chart.scrollTo(job),
    showOfWindow: (is) => chart.showOfWindow(is),
    update: (next) => chart.update(next),
  };
}
