import type { FleetPart } from "../../fleet-data.ts";
import { element, section } from "../element.ts";
import { createTimeWindow, type TimeWindow } from "../time-window.ts";
import { chartGutters, legend, timeAxis, toolbar } from "./chart-tools.ts";
import { createCountChart } from "./count-chart.ts";
import type { FleetState } from "./fleet-state.ts";
import { createGantt, type Gantt } from "./gantt.ts";
import { createPipelineStrips } from "./pipeline-strips.ts";
import { countSeries } from "./step-series.ts";

/** From so many jobs on only those of the window have rows at first. */
const MANY_JOBS = 20;

/** Whether only jobs have rows that were there in the window's time. */
function rowsChoice(fleets: readonly FleetPart[], gantts: readonly Gantt[]): HTMLElement {
  const box = element("input", { type: "checkbox" });
  box.checked = fleets.some(({ jobs }) => jobs.length > MANY_JOBS);
  const choose = (): void => {
    for (const gantt of gantts) gantt.showOfWindow(box.checked);
  };
  box.addEventListener("change", choose);
  choose();
  return element("label", { class: "check" }, [box, "Only jobs of this time"]);
}

function fleetCharts(
  fleet: FleetPart,
  view: TimeWindow,
  gutter: number,
  gantt: Gantt,
): readonly (Element | undefined)[] {
  const { spans } = fleet;
  const waits = countSeries(spans, (span) => spans.pipeline[span]! < 0);
  const trains = countSeries(spans, (span) => spans.pipeline[span]! >= 0);
  return [
    gantt.node,
    createCountChart(
      "jobs",
      [
        { series: waits, style: "count-area" },
        { series: trains, style: "count-line" },
      ],
      view,
      gutter,
    ),
    fleet.numPipelines === 0 ? undefined : createPipelineStrips(fleet, view, gutter),
  ];
}

/** What every job did when, how many waited, and where they trained, under one time axis. */
export function jobsOverTimeSection(fleets: readonly FleetPart[], state: FleetState): HTMLElement {
  const gutters = chartGutters();
  const stage = element("div", { class: "stage" });
  const fullNs = 1.01 * Math.max(1, ...fleets.map(({ endNs }) => endNs));
  const view = createTimeWindow(stage, fullNs, gutters, "scrolls");
  const spoken = element("div", { class: "visually-hidden", "aria-live": "polite" });
  stage.append(timeAxis(view));
  const gantts = fleets.map((fleet) => {
    const gantt = createGantt(fleet, state, view, gutters.left, (text) => {
      spoken.textContent = text;
    });
    const charts = fleetCharts(fleet, view, gutters.left, gantt).filter((chart) => chart !== undefined);
    if (fleets.length > 1) stage.append(element("h3", { class: "timeline-title" }, [fleet.title]));
    stage.append(...charts);
    return gantt;
  });
  state.revealed.subscribe((wanted) => {
    if (wanted === null) return;
    view.reset();
    gantts[fleets.indexOf(wanted.fleet)]?.scrollTo(wanted.job);
    stage.scrollIntoView({ block: "center" });
    state.pointed.set(null);
  });
  const meaning =
    "A row for each job, in the order in which they came; pointing at a bar, or walking there with the arrow keys, says " +
    "what was decided and why.";
  const hint =
    "Dragging pans, the wheel zooms with Ctrl or Shift, a double click shows all. Below the jobs: how many waited " +
    "(area) and how many were on pipelines (line), the most in each pixel; then each pipeline, the darker the more jobs.";
  return section("jobs-over-time", "Jobs over time", meaning, [
    element("div", { class: "panel" }, [
      element("div", { class: "timeline-head" }, [toolbar(view), rowsChoice(fleets, gantts), legend(fleets)]),
      stage,
      element("p", { class: "hint" }, [hint]),
      spoken,
    ]),
  ]);
}
