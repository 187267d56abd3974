import { area, curveStepAfter, line, scaleLinear } from "d3";
import type { ReportTrace, SampleTable } from "../report-data.ts";
import { type ChartSvg, drawBottomAxis, drawLeftAxis, type Frame, responsiveChart } from "./chart.ts";
import { element, section } from "./element.ts";
import { byteTicks, formatMemory, timeTickFormat } from "./format.ts";
import { deviceLabel, type PageState } from "./page-state.ts";

/** Pixels between two samples below which the line is drawn as its highest and lowest values. */
const LEAST_STEP = 3;
/** Pixels of one column of that band. */
const COLUMN_WIDTH = 6;

function points({ timeNs, value }: SampleTable, endNs: number): [number, number][] {
  const made = timeNs.map((time, index): [number, number] => [time, value[index]!]);
  const last = made.at(-1);
  return last === undefined ? [] : [...made, [Math.max(endNs, last[0]), last[1]]];
}

/** The lowest and the highest value of a stretch of time. */
interface Column {
  readonly timeNs: number;
  readonly low: number;
  readonly high: number;
}

/** `count` columns over the run; a column without a sample keeps the value before it. */
function columnsOf(samples: readonly (readonly [number, number])[], endNs: number, count: number): readonly Column[] {
  const columns: Column[] = [];
  let [next, current] = [0, samples[0]?.[1] ?? 0];
  for (let column = 0; column < count; column += 1) {
    let [low, high] = [current, current];
    for (; next < samples.length && samples[next]![0] < ((column + 1) * endNs) / count; next += 1) {
      current = samples[next]![1];
      low = Math.min(low, current);
      high = Math.max(high, current);
    }
    columns.push({ timeNs: (column * endNs) / count, low, high });
  }
  return columns;
}

/**
 * Top of the axis, with room for a label above the highest value. Axes start at zero, so that neighbouring charts and
 * filled bands compare.
 */
function topOfAxis(values: readonly number[]): number {
  let high = 0;
  for (const value of values) high = Math.max(high, value);
  return 1.15 * high;
}

function draw(
  svg: ChartSvg,
  frame: Frame,
  traces: readonly ReportTrace[],
  device: number,
  planned: number | undefined,
): void {
  const ends = traces.map(({ makespanSeconds }) => makespanSeconds * 1e9);
  const high = topOfAxis([
    ...traces.flatMap(({ memory }) => memory[device]!.value),
    ...(planned === undefined ? [] : [planned]),
  ]);
  const x = scaleLinear([0, Math.max(...ends)], [frame.left, frame.right]);
  const y = scaleLinear([0, high], [frame.bottom, frame.top]);
  const ticks = x.ticks(Math.max(2, Math.floor((frame.right - frame.left) / 100)));
  drawLeftAxis(svg, frame, y, byteTicks(0, high, 4), "");
  drawBottomAxis(svg, frame, x, { values: ticks, label: timeTickFormat(ticks) }, "");
  const steps = line<[number, number]>(
    ([time]) => x(time),
    ([, value]) => y(value),
  ).curve(curveStepAfter);
  const spread = area<Column>(
    ({ timeNs }) => x(timeNs),
    ({ low: bottom }) => y(bottom),
    ({ high: top }) => y(top),
  ).curve(curveStepAfter);
  const upper = spread.lineY1();
  traces.forEach(({ source, memory }, index) => {
    const samples = points(memory[device]!, ends[index]!);
    const isDense = samples.length * LEAST_STEP > frame.right - frame.left;
    const columns = isDense
      ? columnsOf(samples, ends[index]!, Math.floor((frame.right - frame.left) / COLUMN_WIDTH))
      : [];
    if (isDense) svg.append("path").attr("class", `memory-spread spread-${source}`).attr("d", spread(columns));
    svg
      .append("path")
      .attr("class", `memory-line line-${source}`)
      .attr("d", isDense ? upper(columns) : steps(samples));
  });
  if (planned === undefined) return;
  svg
    .append("line")
    .attr("class", "planned-line")
    .attr("x1", frame.left)
    .attr("x2", frame.right)
    .attr("y1", y(planned))
    .attr("y2", y(planned));
  svg
    .append("text")
    .attr("class", "planned-label")
    .attr("x", frame.right)
    .attr("y", y(planned) - 6)
    .text(`planned peak ${formatMemory(planned)}`);
}

/** Bytes in use over time, a chart for each device. */
export function memorySection({ data }: PageState): HTMLElement | undefined {
  const { traces, devices, plannedPeakBytes } = data;
  if (!traces.some(({ memory }) => memory.some(({ timeNs }) => timeNs.length > 0))) return undefined;
  const margins = { top: 18, right: 14, bottom: 26, left: 78 };
  const charts = devices.map((name, device) =>
    element("figure", {}, [
      element("figcaption", {}, [deviceLabel(data, device)]),
      responsiveChart(`Memory of ${name} over time`, 210, margins, (svg, frame) =>
        draw(svg, frame, traces, device, plannedPeakBytes[device]),
      ),
    ]),
  );
  const keys = traces.map(({ source }) =>
    element("span", { class: "key" }, [element("span", { class: `line-swatch swatch-${source}` }), source]),
  );
  const meaning =
    "Weights, adapters, optimizer state and workspace are always there; the steps are the activations of the micro-batches in flight, up to the end of the highest slot in use. Where steps are too close to draw, a band shows their range under the line of the highest.";
  return section("memory", "Memory", meaning, [
    element("div", { class: "panel" }, [
      element("div", { class: "keys" }, keys),
      element("div", { class: "small-multiples" }, charts),
    ]),
  ]);
}
