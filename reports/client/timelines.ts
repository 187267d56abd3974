import { element, section } from "./element.ts";
import { formatDuration, formatInstant } from "./format.ts";
import { fillDefinitions } from "./job-colours.ts";
import { createOverview } from "./overview.ts";
import type { PageState } from "./page-state.ts";
import { pathToggle } from "./path-toggle.ts";
import { createTimeAxis } from "./time-axis.ts";
import { timeToolbar } from "./time-toolbar.ts";
import { createTimeWindow, type Gutters, type TimeWindow } from "./time-window.ts";
import { createTimeline } from "./timeline.ts";
import { bindTimelineKeys } from "./timeline-keys.ts";
import { lastEnd, layoutLanes, usedStreams } from "./timeline-lanes.ts";
import { jobLegend, letterKey } from "./timeline-legend.ts";

const GUTTERS: Gutters = { left: 104, right: 14 };

/** Start and end of the step in the middle of all traces, with a margin; undefined for a run of a single step. */
function middleStep({ data }: PageState): readonly [number, number] | undefined {
  let lastStep = 0;
  for (const step of data.actions.step) lastStep = Math.max(lastStep, step);
  if (lastStep === 0) return undefined;
  const step = Math.floor((lastStep + 1) / 2);
  let [start, end] = [Number.POSITIVE_INFINITY, 0];
  for (const { bars } of data.traces)
    bars.action.forEach((action, bar) => {
      if (data.actions.step[action] !== step) return;
      start = Math.min(start, bars.startNs[bar]!);
      end = Math.max(end, bars.startNs[bar]! + bars.durationNs[bar]!);
    });
  const margin = 0.02 * (end - start);
  return [start - margin, end + margin];
}

function toolbar(view: TimeWindow, step: readonly [number, number] | undefined): HTMLElement {
  const showStep = ["One step", "Show a step in the middle of the run", () => view.show(...step!)] as const;
  return timeToolbar(
    view,
    [...(step === undefined ? [] : [showStep]), ["Whole run", "Show the whole run", () => view.reset()]],
    (start, end) => `${formatInstant(Math.round(start))} to ${formatInstant(Math.round(end))}`,
  );
}

/** Simulated above executed, a row for each device, under one time axis. */
export function timelinesSection(state: PageState): HTMLElement {
  const { data } = state;
  const fullNs = 1.01 * Math.max(1, ...data.traces.map(({ bars }) => lastEnd(bars)));
  const stage = element("div", { class: "stage" });
  const view = createTimeWindow(stage, fullNs, GUTTERS);
  const step = middleStep(state);
  if (step !== undefined) view.show(...step);
  const spoken = element("div", { class: "visually-hidden", "aria-live": "polite" });
  const streams = usedStreams(data.traces);
  stage.append(createTimeAxis(view));
  data.traces.forEach((trace, index) => {
    const layout = layoutLanes(trace.bars, data.devices.length, data.pipelines, streams);
    const timeline = createTimeline(state, index, layout, view, GUTTERS.left);
    bindTimelineKeys(timeline, state, index, layout, view, (text) => {
      spoken.textContent = text;
    });
    const makespan = element("span", { class: "makespan" }, [formatDuration(trace.makespanSeconds)]);
    const title = trace.source === "simulated" ? "Simulated" : "Executed";
    stage.append(element("h3", { class: "timeline-title" }, [title, makespan]), timeline);
  });
  state.revealed.subscribe((action) => {
    if (action === null) return;
    const bar = state.computeBar(data.traces.length - 1, action);
    if (bar === undefined) return;
    const { startNs, durationNs } = data.traces.at(-1)!.bars;
    const margin = 4 * Math.max(durationNs[bar]!, 1000);
    view.show(startNs[bar]! - margin, startNs[bar]! + durationNs[bar]! + margin);
    stage.scrollIntoView({ block: "center" });
  });
  const meaning =
    data.traces.length === 2
      ? "The same plan, predicted and carried out: each bar is one action on its device, and pointing at it marks it in both timelines."
      : "Each bar is one action of the plan on its device; the thin rows are its messages.";
  const bar = toolbar(view, step);
  const paths = data.traces.flatMap(({ path, source }) =>
    path === null ? [] : [{ path, ...(data.traces.length === 2 ? { name: `the ${source} run` } : {}) }],
  );
  const shortening = paths.length === 0 ? undefined : pathToggle("critical-path", [state], paths);
  if (shortening !== undefined) bar.append(shortening.toggle);
  const head = element("div", { class: "timeline-head" }, [jobLegend(state), letterKey(data)]);
  const overview = createOverview(data.traces.at(-1)!, fullNs, data.devices.length, view, GUTTERS);
  const hint =
    "The strip above the bars is the whole run and how busy its devices were: drag on it, or its frame, to choose what is shown. Wheel zooms, dragging pans, a double click shows the whole run; where bars are denser than pixels, the longest are drawn.";
  return section("timelines", data.traces.length === 2 ? "Timelines" : "Timeline", meaning, [
    element("div", { class: "panel" }, [
      head,
      bar,
      element("div", { class: "overview-frame" }, [overview]),
      stage,
      shortening?.lists,
      element("p", { class: "hint" }, [hint]),
      fillDefinitions(data),
      spoken,
    ]),
  ]);
}
