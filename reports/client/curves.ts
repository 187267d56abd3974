import { extent, format, line, max, scaleLinear, scaleLog, select } from "d3";
import { type ChartSvg, drawBottomAxis, drawLeftAxis, type Frame } from "./chart.ts";
import { jobHue } from "./job-colours.ts";
import type { PageState } from "./page-state.ts";

/** The smoothed curve is an exponential mean over this part of the run. */
const SMOOTHING_SPAN = 1 / 15;
/** From this quotient of the largest and the least value on, the axis has powers of ten. */
const DECADES = 100;

/** A curve of a job by step. */
export interface Curve {
  readonly job: number;
  readonly points: readonly (readonly [step: number, value: number])[];
}

/** The curve through the values that are numbers. */
export function finiteCurve(job: number, steps: readonly number[], values: readonly (number | null)[]): Curve {
  return {
    job,
    points: steps.flatMap((step, index) => {
      const value = values[index] ?? Number.NaN;
      return Number.isFinite(value) ? [[step, value] as const] : [];
    }),
  };
}

/** Exponential mean, without the pull of its start (bias-corrected as Adam's moments are). */
function smoothed({ job, points }: Curve): Curve {
  const keep = 1 - 1 / Math.max(1, points.length * SMOOTHING_SPAN);
  let [mean, weight] = [0, 0];
  return {
    job,
    points: points.map(([step, value]) => {
      mean = keep * mean + (1 - keep) * value;
      weight = keep * weight + (1 - keep);
      return [step, mean / weight] as const;
    }),
  };
}

export interface CurvesLook {
  /** Of the left axis. */
  readonly title: string;
  readonly isSmooth: boolean;
  /** Powers of ten where the values differ by so much. */
  readonly mayBeLog?: boolean;
}

/** An axis from the least to the largest value. */
function leftAxis(values: readonly number[], { bottom, top }: Frame, mayBeLog: boolean) {
  const [low, high] = extent(values) as [number, number];
  if (mayBeLog && low > 0 && high / low >= DECADES) {
    const y = scaleLog([low, high], [bottom, top]).nice();
    const powers = y.ticks().filter((value) => Number.isInteger(Math.log10(value)));
    const every = Math.ceil(powers.length / 6);
    const ticks = powers.filter((_, place) => place % every === 0);
    return { y, ticks: { values: ticks, label: format("~e") } };
  }
  const y = scaleLinear([Math.min(low, low > 0 ? low * 0.9 : low), high], [bottom, top]).nice();
  const short = (value: number): string => (value === 0 ? "0" : format("~e")(value));
  return { y, ticks: { values: y.ticks(5), label: high < 0.01 || high >= 1e5 ? short : y.tickFormat(5) } };
}

/** Draws a curve for each job that has one; what was drawn, and where values are. */
export function drawCurves(
  svg: ChartSvg,
  frame: Frame,
  given: readonly Curve[],
  { title, isSmooth, mayBeLog = false }: CurvesLook,
): { readonly main: readonly Curve[]; readonly y: (value: number) => number } {
  const raw = given.filter(({ points }) => points.length > 0);
  const all = raw.flatMap(({ points }) => points);
  const lastStep = Math.max(1, max(all, ([step]) => step) ?? 1);
  const x = scaleLinear([0, lastStep], [frame.left, frame.right]);
  const values = all.map(([, value]) => value);
  const { y, ticks } = leftAxis(values.length === 0 ? [0, 1] : values, frame, mayBeLog);
  const steps = x.ticks(Math.max(2, Math.floor((frame.right - frame.left) / 90))).filter(Number.isInteger);
  drawLeftAxis(svg, frame, y, ticks, title);
  drawBottomAxis(svg, frame, x, { values: steps, label: String }, "optimizer step");
  const path = line<readonly [number, number]>(
    ([step]) => x(step),
    ([, value]) => y(value),
  );
  const draw = (drawn: readonly Curve[], name: string): void => {
    svg
      .append("g")
      .selectAll("path")
      .data(drawn)
      .join("path")
      .attr("class", `loss-line ${name}`)
      .style("stroke", ({ job }) => jobHue(job))
      .attr("d", ({ points }) => path(points));
  };
  if (isSmooth) draw(raw, "is-faint");
  const main = isSmooth ? raw.map(smoothed) : raw;
  draw(main, "is-main");
  return { main, y };
}

/** The curves of the job that is looked at stand out. */
export function markCurves(place: Element, { highlightedJob }: Pick<PageState, "highlightedJob">): void {
  const highlighted = highlightedJob.get();
  select(place)
    .selectAll<SVGPathElement, Curve>(".loss-line")
    .classed("is-dim", ({ job }) => highlighted !== null && job !== highlighted);
}
