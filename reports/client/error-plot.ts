import { type BaseType, extent, type Selection, scaleLinear, scaleLog, select } from "d3";
import { type ChartSvg, drawBottomAxis, drawLeftAxis, type Frame, responsiveChart, type Ticks } from "./chart.ts";
import { element, section } from "./element.ts";
import { BAND, errorRange } from "./error-range.ts";
import { formatNanos, formatNumber, timeTickFormat } from "./format.ts";
import { barFill } from "./job-colours.ts";
import { jobsOf, letterOf, type PageState, reveal } from "./page-state.ts";

/** More dots than this are thinned evenly, and so are, apart from the others, those far outside the band. */
const MAX_DOTS = 3000;
/** Durations that spread over more than this factor get a logarithmic axis. */
const LOG_FACTOR = 20;

type Horizontal = "duration" | "time";

interface Dot {
  readonly action: number;
  readonly startNs: number;
  readonly durationNs: number;
  readonly error: number;
}

function dotsOf(state: PageState): readonly Dot[] {
  const { bars } = state.data.traces[1]!;
  return state.data.actions.key.flatMap((_, action): readonly Dot[] => {
    const error = state.errorOf(action);
    if (error === undefined || letterOf(state.data, action) === "U") return [];
    const bar = state.computeBar(1, action)!;
    return [{ action, error, startNs: bars.startNs[bar]!, durationNs: bars.durationNs[bar]! }];
  });
}

function evenly(dots: readonly Dot[]): readonly Dot[] {
  const every = Math.ceil(dots.length / MAX_DOTS);
  return dots.filter((_, index) => index % every === 0);
}

function thinned(dots: readonly Dot[]): readonly Dot[] {
  if (dots.length <= MAX_DOTS) return dots;
  const isFar = ({ error }: Dot): boolean => Math.abs(error) > 2 * BAND;
  return [...evenly(dots.filter((dot) => !isFar(dot))), ...evenly(dots.filter(isFar))];
}

function horizontalScale(dots: readonly Dot[], horizontal: Horizontal, frame: Frame) {
  const values = dots.map((dot) => (horizontal === "time" ? dot.startNs : dot.durationNs));
  const [low = 0, high = 0] = extent(values);
  const range = [frame.left + 8, frame.right - 8];
  const isLog = horizontal === "duration" && low > 0 && high / low > LOG_FACTOR;
  const scale = isLog ? scaleLog([low, high], range) : scaleLinear([low, high], range);
  const ticks = scale.ticks(isLog ? 5 : Math.max(3, Math.floor((range[1]! - range[0]!) / 110)));
  const label = timeTickFormat(ticks);
  const logTicks: Ticks = { values: ticks.filter((tick) => /^[125]/.test(String(tick))), label: formatNanos };
  return { scale, ticks: isLog ? logTicks : { values: ticks, label } };
}

function draw(svg: ChartSvg, frame: Frame, state: PageState, dots: readonly Dot[], horizontal: Horizontal): void {
  const { actions } = state.data;
  const [low, high] = errorRange(dots.map(({ error }) => error));
  const y = scaleLinear([low, high], [frame.bottom, frame.top]);
  const { scale: x, ticks } = horizontalScale(dots, horizontal, frame);
  svg
    .append("rect")
    .attr("class", "band")
    .attr("x", frame.left)
    .attr("width", frame.right - frame.left)
    .attr("y", y(BAND))
    .attr("height", y(-BAND) - y(BAND));
  drawLeftAxis(
    svg,
    frame,
    y,
    {
      values: y.ticks(6),
      label: (error) => `${error > 0 ? "+" : ""}${Math.round(error * 1000) / 10} %`.replace("-", "\u2212"),
    },
    "error of the simulated duration",
  );
  drawBottomAxis(svg, frame, x, ticks, horizontal === "time" ? "start in the executed run" : "executed duration");
  svg
    .append("text")
    .attr("class", "band-label")
    .attr("x", frame.right - 6)
    .attr("y", y(BAND) + 12)
    .text("±5 %");
  const clamp = (error: number): number => Math.max(low, Math.min(high, error));
  const points: Dots = svg
    .append("g")
    .attr("class", "dots")
    .selectAll<SVGCircleElement, Dot>("circle")
    .data(dots)
    .join("circle")
    .attr("class", (dot) => `dot dot-${letterOf(state.data, dot.action)}`)
    .classed("is-outside", ({ error }) => error !== clamp(error))
    .attr("data-action", ({ action }) => actions.key[action]!)
    .attr("r", 3.6)
    .attr("cx", (dot) => x(horizontal === "time" ? dot.startNs : dot.durationNs))
    .attr("cy", ({ error }) => y(clamp(error)))
    .style("fill", ({ action }) => barFill(state.data, actions.jobSet[action]!, actions.letter[action]!))
    .on("pointermove", (event: PointerEvent, { action }) => {
      state.hover.set({ action, x: event.clientX, y: event.clientY, side: "below" });
    })
    .on("pointerleave", () => state.hover.set(null))
    .on("click", (_, { action }) => reveal(state, action));
  markDots(points, state);
}

type Dots = Selection<SVGCircleElement, Dot, BaseType, unknown>;

/** Shows in the dots what the reader points at, and which job stands out. */
function markDots(dots: Dots, state: PageState): void {
  const hovered = state.hover.get()?.action;
  const job = state.highlightedJob.get();
  dots
    .classed("is-hovered", ({ action }) => action === hovered)
    .classed("is-dim", ({ action }) => job !== null && !jobsOf(state.data, action).includes(job));
}

/** A dot for each forward and backward: how far its simulated duration is from the executed one. */
export function errorPlotSection(state: PageState): HTMLElement | undefined {
  if (state.data.traces.length < 2) return undefined;
  const all = dotsOf(state);
  if (all.length === 0) return undefined;
  const dots = thinned(all);
  const place = element("div");
  const choices = (["duration", "time"] as const).map((horizontal) => {
    const button = element("button", { type: "button", "aria-pressed": "false" }, [
      horizontal === "time" ? "By time" : "By duration",
    ]);
    const choose = (): void => {
      const margins = { top: 30, right: 16, bottom: 44, left: 62 };
      const label = `Error of ${dots.length} actions by executed ${horizontal}`;
      place.replaceChildren(
        responsiveChart(label, 340, margins, (svg, frame) => draw(svg, frame, state, dots, horizontal)),
      );
      for (const other of choices) other.button.setAttribute("aria-pressed", String(other.button === button));
    };
    button.addEventListener("click", choose);
    return { button, choose };
  });
  choices[0]!.choose();
  const mark = (): void => markDots(select(place).selectAll<SVGCircleElement, Dot>(".dot"), state);
  state.hover.subscribe(mark);
  state.highlightedJob.subscribe(mark);
  const shown =
    dots.length < all.length ? ` ${formatNumber(dots.length)} of ${formatNumber(all.length)} are drawn.` : "";
  const meaning =
    "A dot above zero was simulated slower than it ran, one below faster; hollow dots at the edge lie beyond it. " +
    `A click brings the action into view above.${shown}`;
  return section("errors", "Error of each action", meaning, [
    element("div", { class: "panel" }, [
      element(
        "div",
        { class: "toolbar", role: "group", "aria-label": "Horizontal axis" },
        choices.map(({ button }) => button),
      ),
      place,
    ]),
  ]);
}
