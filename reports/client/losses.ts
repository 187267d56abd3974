import { counted } from "../../core/index.ts";
import type { LossCurve } from "../report-data.ts";
import { type ChartSvg, type Frame, responsiveChart } from "./chart.ts";
import { drawCurves, finiteCurve, markCurves } from "./curves.ts";
import { element, section } from "./element.ts";
import { jobHue } from "./job-colours.ts";
import type { PageState } from "./page-state.ts";
import { shortNames } from "./short-names.ts";

/** Least distance between two labels at the curves' ends, in pixels. */
const LABEL_HEIGHT = 16;

/** Pages of less width, in pixels, have less room for names. */
const NARROW = 620;

/** Moves labels apart, keeping their order; places ascend. */
function spread(places: readonly number[], bottom: number): readonly number[] {
  const moved: number[] = [];
  for (const place of places) moved.push(Math.max(place, (moved.at(-1) ?? Number.NEGATIVE_INFINITY) + LABEL_HEIGHT));
  for (let i = moved.length - 1, limit = bottom; i >= 0; i -= 1, limit -= LABEL_HEIGHT)
    moved[i] = Math.min(moved[i]!, limit);
  return moved;
}

/** The curves of some jobs, and which of those is looked at. */
export interface LossCurves extends Pick<PageState, "highlightedJob"> {
  readonly losses: readonly LossCurve[];
  /** On held-out rows, where jobs were evaluated. */
  readonly heldOut?: readonly LossCurve[];
  readonly jobs: readonly { readonly name: string }[];
}

function draw(
  svg: ChartSvg,
  frame: Frame,
  curvesOf: LossCurves,
  {
    losses,
    title,
    isSmooth,
  }: { readonly losses: readonly LossCurve[]; readonly title: string; readonly isSmooth: boolean },
): void {
  const { jobs } = curvesOf;
  const curves = losses.map(({ job, step, loss }) => finiteCurve(job, step, loss));
  const { main, y } = drawCurves(svg, frame, curves, { title, isSmooth });
  const byLoss = main
    .map(({ job, points }) => ({ job, step: points.at(-1)![0], loss: points.at(-1)![1] }))
    .sort((a, b) => b.loss - a.loss);
  // Where not all have room, some have their names.
  const every = Math.ceil((byLoss.length * LABEL_HEIGHT) / (frame.bottom - frame.top));
  const ends = byLoss.filter((_, place) => place % every === 0);
  const places = spread(
    ends.map(({ loss }) => y(loss)),
    frame.bottom - 2,
  );
  const names = ends.map(({ job }) => jobs[job]!.name);
  const short = shortNames(names, window.innerWidth < NARROW ? 7 : 17);
  ends.forEach(({ job, loss }, index) => {
    const label = svg
      .append("text")
      .attr("class", "end-label")
      .attr("x", frame.right + 12)
      .attr("y", places[index]!);
    label.append("tspan").attr("class", "end-dot").style("fill", jobHue(job)).text("● ");
    label.append("tspan").text(short[index]!);
    label
      .append("tspan")
      .attr("class", "end-value")
      .text(` ${loss.toFixed(3)}`);
    label.append("title").text(names[index]!);
  });
  markCurves(svg.node()!, curvesOf);
}

/** One curve for each job. */
export function lossesSection(shown: LossCurves): HTMLElement | undefined {
  const { losses, heldOut = [], highlightedJob } = shown;
  if (losses.length === 0) return undefined;
  const place = element("div");
  const box = element("input", { type: "checkbox", checked: "" });
  const isNarrow = window.innerWidth < NARROW;
  const margins = { top: 30, right: isNarrow ? 104 : 190, bottom: 44, left: isNarrow ? 44 : 62 };
  const redraw = (): void => {
    const trained = responsiveChart(
      `Training loss of ${counted(losses.length, "job")} by step`,
      ...([320, margins] as const),
      (svg, frame) => draw(svg, frame, shown, { losses, title: "loss", isSmooth: box.checked }),
    );
    const evaluated = responsiveChart(
      `Loss of ${counted(heldOut.length, "job")} on held-out rows by step`,
      ...([280, margins] as const),
      (svg, frame) => draw(svg, frame, shown, { losses: heldOut, title: "held-out loss", isSmooth: false }),
    );
    place.replaceChildren(trained, ...(heldOut.length === 0 ? [] : [evaluated]));
  };
  box.addEventListener("change", redraw);
  redraw();
  highlightedJob.subscribe(() => markCurves(place, shown));
  const evaluatedOn = heldOut.length === 0 ? "" : " Below it, the loss on held-out rows.";
  const meaning = `Mean loss over the scored tokens of each optimizer step; the value on the right is where the drawn curve ends.${evaluatedOn}`;
  return section("losses", "Losses", meaning, [
    element("div", { class: "panel" }, [
      element("div", { class: "toolbar" }, [element("label", { class: "check" }, [box, "Smoothed"])]),
      place,
    ]),
  ]);
}
