import { extent, line, ticks as linearTicks, type ScaleLogarithmic, scaleLog } from "d3";
import type { CandidateRow, CapacityAnswer } from "../../../plan/index.ts";
import { candidateCounts, MISSES_MEANING, tightestShare } from "../../capacity-data.ts";
import { type ChartSvg, drawBottomAxis, drawLeftAxis, type Frame, responsiveChart } from "../chart.ts";
import { element, section } from "../element.ts";
import { formatNumber } from "../format.ts";
import type { HoverBox } from "../hover-box.ts";
import { jobHue } from "../job-colours.ts";
import { acceleratorsOf } from "./figures.ts";

const MARGINS = { top: 30, right: 18, bottom: 46, left: 52 };
const HEIGHT = 420;
type Scale = ScaleLogarithmic<number, number>;

interface Point {
  readonly row: CandidateRow;
  readonly share: ReturnType<typeof tightestShare>;
  readonly isKept: boolean;
}

function pointsOf({ meets, misses }: CapacityAnswer): readonly Point[] {
  const point = (isKept: boolean) => (row: CandidateRow) => ({ row, share: tightestShare(row), isKept });
  return [...misses.map(point(false)), ...meets.map(point(true))];
}

/** What nobody pays or waits for stands at the edge: a logarithm has no 0. */
const LEAST = { cost: 0.01, share: 1e-4 } as const;

/** A logarithmic scale with some room at both ends. */
function paddedLog([low, high]: readonly [number, number], least: number, range: readonly [number, number]): Scale {
  const [from, to] = [Math.max(least, low), Math.max(least, high)];
  const room = Math.max(1.02, (to / from) ** 0.06);
  return scaleLog([from / room, to * room], range).clamp(true);
}

/** Ticks that are round on a logarithmic axis: as many as there is room for. */
function ticks(scale: Scale, most: number): readonly number[] {
  const [low, high] = scale.domain() as [number, number];
  const powers = Array.from({ length: 16 }, (_, power) => 10 ** (power - 4));
  for (const steps of [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]]) {
    const values = powers.flatMap((power) => steps.map((step) => step * power)).filter((at) => at >= low && at <= high);
    if (values.length <= most && values.length > 1) return values;
  }
  // Between two neighbouring ones.
  return linearTicks(low, high, Math.min(most, 6));
}

function drawPoints(
  svg: ChartSvg,
  x: Scale,
  y: Scale,
  points: readonly Point[],
  hues: readonly string[],
  box: HoverBox<CandidateRow>,
): void {
  const marks = svg
    .append("g")
    .selectAll("g")
    .data(points)
    .join("g")
    .attr("class", ({ isKept, row }) => `candidate ${isKept ? "keeps" : "misses"}${row.isOnFront ? " on-front" : ""}`)
    .each(function ({ row }) {
      // Set on the object: a page's policy may let no style stand in an attribute.
      (this as SVGGElement).style.setProperty("--hue", jobHue(hues.indexOf(row.candidate.accelerator)));
    });
  marks
    .append("path")
    .attr("class", "candidate-range")
    .attr("d", ({ row, share }) => {
      const [cx, cy] = [x(row.cost.mean), y(share.mean)];
      return `M${x(row.cost.low)},${cy}H${x(row.cost.high)}M${cx},${y(share.low)}V${y(share.high)}`;
    });
  marks
    .append("circle")
    .attr("r", 5)
    .attr("cx", ({ row }) => x(row.cost.mean))
    .attr("cy", ({ share }) => y(share.mean))
    .on("pointermove", (event: PointerEvent, { row }) => box.show(row, event))
    .on("pointerleave", () => box.hide());
}

function draw(svg: ChartSvg, frame: Frame, answer: CapacityAnswer, box: HoverBox<CandidateRow>): void {
  const points = pointsOf(answer);
  const [cheapest, dearest] = extent(points.flatMap(({ row: { cost } }) => [cost.low, cost.high])) as [number, number];
  const [soonest, latest] = extent([1, ...points.flatMap(({ share }) => [share.low, share.high])]) as [number, number];
  const x = paddedLog([cheapest, dearest], LEAST.cost, [frame.left, frame.right]);
  const y = paddedLog([soonest, latest], LEAST.share, [frame.bottom, frame.top]);
  const room = (frame.right - frame.left) / 70;
  drawLeftAxis(
    svg,
    frame,
    y,
    { values: ticks(y, 9), label: (share) => `${Number((100 * share).toPrecision(3))} %` },
    "of the level's hours",
  );
  drawBottomAxis(svg, frame, x, { values: ticks(x, room), label: (cost) => formatNumber(cost) }, answer.currency);
  svg
    .append("line")
    .attr("class", "level-line")
    .attr("x1", frame.left)
    .attr("x2", frame.right)
    .attr("y1", y(1))
    .attr("y2", y(1));
  svg
    .append("text")
    .attr("class", "level-name")
    .attr("x", frame.right)
    .attr("y", y(1) - 6)
    .attr("text-anchor", "end")
    .text("level");
  const front = points.filter(({ row }) => row.isOnFront).sort((a, b) => a.row.cost.mean - b.row.cost.mean);
  const path = line<Point>(
    ({ row }) => x(row.cost.mean),
    ({ share }) => y(share.mean),
  );
  svg.append("path").attr("class", "front-line").attr("d", path(front));
  drawPoints(svg, x, y, points, acceleratorsOf(answer), box);
  const best = answer.best;
  if (best === null) return;
  svg
    .append("circle")
    .attr("class", "best-ring")
    .attr("r", 10)
    .attr("cx", x(best.cost.mean))
    .attr("cy", y(tightestShare(best).mean));
}

function keys(answer: CapacityAnswer): HTMLElement {
  const key = (mark: HTMLElement, text: string) => element("span", { class: "key" }, [mark, text]);
  const swatch = (index: number): HTMLElement => {
    const made = element("span", { class: "swatch" });
    made.style.setProperty("background", jobHue(index));
    return made;
  };
  return element("div", { class: "keys" }, [
    ...acceleratorsOf(answer).map((name, index) => key(swatch(index), name)),
    key(element("span", { class: "ring-key" }), "recommended"),
    key(element("span", { class: "hollow-key" }), "misses the level"),
    key(element("span", { class: "front-key" }), "none costs no more and is sooner"),
  ]);
}

/** Every candidate that was simulated: what it costs against how much of the level's hours it takes. */
export function costSection(answer: CapacityAnswer, box: HoverBox<CandidateRow>): readonly HTMLElement[] {
  if (answer.meets.length + answer.misses.length === 0) return [];
  const meaning =
    "Each candidate that was simulated, with nine of ten of its draws; below the line the level is kept. " +
    `${MISSES_MEANING} ` +
    `Of all candidates ${candidateCounts(answer).join(", ")}.`;
  return [
    section("cost", "Cost and hours", meaning, [
      element("div", { class: "panel" }, [
        keys(answer),
        responsiveChart("Cost of candidates against the hours of the tightest level", HEIGHT, MARGINS, (svg, frame) =>
          draw(svg, frame, answer, box),
        ),
      ]),
    ]),
  ];
}
