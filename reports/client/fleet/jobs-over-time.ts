import { axisTop, create } from "d3";
import { type FleetPart, SPAN_KINDS } from "../../fleet-data.ts";
import { element, section } from "../element.ts";
import { jobHue } from "../job-colours.ts";
import { createTimeWindow, type Gutters, type TimeWindow } from "../time-window.ts";
import { calendarTicks, instantText } from "./calendar-ticks.ts";
import { createCountChart } from "./count-chart.ts";
import type { FleetState } from "./fleet-state.ts";
import { createGantt, type Gantt } from "./gantt.ts";
import { createPipelineStrips } from "./pipeline-strips.ts";
import { countSeries } from "./step-series.ts";

const LEGEND: readonly (readonly [kind: string, text: string])[] = [
  ["training", "training, coloured by pipeline"],
  ["leaving", "leaving after its iteration"],
  ["waiting", "waiting"],
  ["preempted", "preempted"],
  ["paused", "paused"],
];
const MARKS: readonly (readonly [outcome: string, mark: string])[] = [
  ["stopped", "■"],
  ["refused", "✕"],
];

/** The axis above all charts of the section. */
function timeAxis(view: TimeWindow): SVGElement {
  const svg = create("svg")
    .attr("class", "time-axis")
    .attr("height", 28)
    .attr("width", "100%")
    .attr("aria-hidden", "true");
  const group = svg.append("g").attr("class", "axis").attr("transform", "translate(0,24)");
  view.onChange(() => {
    const scale = view.scale();
    const [left, right] = scale.range();
    const ticks = calendarTicks(...view.domain(), Math.max(2, Math.floor((right! - left!) / 90)));
    group.call(
      axisTop(scale)
        .tickValues(ticks.values)
        .tickSizeOuter(0)
        .tickFormat((time) => ticks.label(Number(time))),
    );
  });
  return svg.node()!;
}

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

function toolbar(view: TimeWindow): HTMLElement {
  const button = (label: string, name: string, act: () => void): HTMLButtonElement => {
    const made = element("button", { type: "button", "aria-label": name, title: name }, [label]);
    made.addEventListener("click", act);
    return made;
  };
  const shown = element("output", { class: "window-text" });
  view.onChange(() => {
    shown.textContent = view.domain().map(instantText).join(" to ");
  });
  return element("div", { class: "toolbar", role: "group", "aria-label": "Time window" }, [
    button("\u2212", "Zoom out", () => view.zoomBy(0.5)),
    button("+", "Zoom in", () => view.zoomBy(2)),
    button("‹", "Earlier", () => view.panBy(-0.5)),
    button("›", "Later", () => view.panBy(0.5)),
    button("All", "Show the whole time", () => view.reset()),
    shown,
  ]);
}

function legend(fleets: readonly FleetPart[]): HTMLElement {
  const kinds = new Set(fleets.flatMap(({ spans }) => [...new Set(spans.kind)].map((kind) => SPAN_KINDS[kind]!)));
  const outcomes = new Set(fleets.flatMap(({ jobs }) => jobs.map(({ outcome }) => `${outcome}`)));
  const key = (swatch: HTMLElement, text: string): HTMLElement => element("span", { class: "key" }, [swatch, text]);
  return element("div", { class: "keys" }, [
    ...LEGEND.filter(([kind]) => kinds.has(kind as (typeof SPAN_KINDS)[number])).map(([kind, text]) =>
      key(element("span", { class: `span-swatch swatch-${kind}`, style: `--hue: ${jobHue(0)}` }), text),
    ),
    ...MARKS.filter(([outcome]) => outcomes.has(outcome)).map(([outcome, mark]) =>
      key(element("span", { class: `mark-swatch mark-${outcome}` }, [mark]), outcome),
    ),
  ]);
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
  const gutters: Gutters = { left: window.innerWidth < 620 ? 84 : 132, right: 26 };
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
