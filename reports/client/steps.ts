import { counted } from "../../core/index.ts";
import type { StepCurve } from "../report-data.ts";
import { responsiveChart } from "./chart.ts";
import { type CurvesLook, drawCurves, finiteCurve, markCurves } from "./curves.ts";
import { element, section } from "./element.ts";
import type { PageState } from "./page-state.ts";

const MARGINS = { top: 30, right: 14, bottom: 44, left: 62 };

export interface StepCurves extends Pick<PageState, "highlightedJob"> {
  readonly losses: readonly StepCurve[];
}

/** Gradient norm and learning rate of each job by step, where the run tells of them. */
export function stepsSection(shown: StepCurves): HTMLElement | undefined {
  const curves = shown.losses.filter(({ gradNorm }) => gradNorm.length > 0);
  if (curves.length === 0) return undefined;
  const chart = (
    what: string,
    valuesOf: (curve: StepCurve) => readonly (number | null)[],
    look: CurvesLook,
  ): HTMLElement =>
    responsiveChart(`${what} of ${counted(curves.length, "job")} by step`, 240, MARGINS, (svg, frame) => {
      const drawn = curves.map((curve) => finiteCurve(curve.job, curve.step, valuesOf(curve)));
      drawCurves(svg, frame, drawn, look);
      markCurves(svg.node()!, shown);
    });
  const norm = { title: "gradient norm", isSmooth: true, mayBeLog: true };
  const charts = element("div", { class: "small-multiples" }, [
    chart("Gradient norm", ({ gradNorm }) => gradNorm, norm),
    chart("Learning rate", ({ learningRate }) => learningRate, { title: "learning rate", isSmooth: false }),
  ]);
  shown.highlightedJob.subscribe(() => markCurves(charts, shown));
  const meaning =
    "The norm is over the whole adapter, before clipping, faint as it was and smoothed; the rate is the one that the step used.";
  return section("steps", "Gradients and learning rates", meaning, [element("div", { class: "panel" }, [charts])]);
}
