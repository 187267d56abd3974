import {
  bindTimelineKeys,
  createPageState,
  createTimeAxis,
  createTimeline,
  createTimeWindow,
  createTooltip,
  dataTable,
  deviceLabel,
  element,
  fillDefinitions,
  formatInstant,
  type Gutters,
  jobLegend,
  LANES,
  lastEnd,
  layoutLanes,
  letterKey,
  type PageState,
  type ReportData,
  section,
  timeToolbar,
  usedStreams,
} from "../../reports/client/index.ts";

const WIDE: Gutters = { left: 104, right: 14 };
const NARROW: Gutters = { left: 64, right: 8 };
/** Actions of the first device that are in sight at first. */
const FIRST_ACTIONS = 36;
/** Lines of the timeline as a table. */
const MOST_LINES = 200;

const COMPUTE = LANES.indexOf("compute");

/** Nanoseconds until so many actions of the device that is the first to have them have ended. */
function firstStretch({ bars }: ReportData["traces"][number]): number {
  const seen = new Map<number, number>();
  for (let bar = 0; bar < bars.action.length; bar += 1) {
    if (bars.stream[bar] !== COMPUTE) continue;
    const count = (seen.get(bars.device[bar]!) ?? 0) + 1;
    if (count === FIRST_ACTIONS) return bars.startNs[bar]! + bars.durationNs[bar]!;
    seen.set(bars.device[bar]!, count);
  }
  return lastEnd(bars);
}

function actionTable({ data }: PageState): HTMLElement {
  const { bars } = data.traces[0]!;
  const rows = bars.action.flatMap((action, bar) =>
    bars.stream[bar] === COMPUTE
      ? [
          [
            data.actions.key[action]!,
            deviceLabel(data, bars.device[bar]!),
            data.jobSets[data.actions.jobSet[action]!]!.map((job) => data.jobs[job]!.name).join(", "),
            formatInstant(bars.startNs[bar]!),
            formatInstant(bars.durationNs[bar]!),
          ],
        ]
      : [],
  );
  return dataTable({
    caption: "Actions",
    meaning: `In order of their start${rows.length > MOST_LINES ? `, the first ${MOST_LINES} of ${rows.length}` : ""}.`,
    columns: ["Action", "Device", "Adapters", "Start", "Duration"],
    texts: ["Device", "Adapters"],
    rows: rows.slice(0, MOST_LINES),
  });
}

/** Made when it is opened: most people look at the picture. */
function tableDetails(state: PageState, isOpen: boolean): HTMLDetailsElement {
  const details = element("details", { id: "actions" }, [element("summary", {}, ["The timeline as a table"])]);
  const fill = (): void => {
    if (details.open && details.childElementCount === 1) details.append(actionTable(state));
  };
  details.addEventListener("toggle", fill);
  details.open = isOpen;
  return details;
}

/** Who computes what when. `isTableOpen`: whether the table below it is shown. */
export function timelineSection(data: ReportData, isEstimate: boolean, isTableOpen: boolean): HTMLElement {
  const state = createPageState(data);
  const [trace] = data.traces;
  const fullNs = 1.01 * Math.max(1, lastEnd(trace!.bars));
  const stage = element("div", { class: "stage" });
  const gutters = window.innerWidth < 620 ? NARROW : WIDE;
  const view = createTimeWindow(stage, fullNs, gutters, "scrolls");
  const layout = layoutLanes(trace!.bars, data.devices.length, data.pipelines, usedStreams(data.traces));
  const timeline = createTimeline(state, 0, layout, view, gutters.left);
  const spoken = element("div", { class: "visually-hidden", "aria-live": "polite" });
  bindTimelineKeys(timeline, state, 0, layout, view, (text) => {
    spoken.textContent = text;
  });
  stage.append(createTimeAxis(view), timeline);
  const start = (): void => view.show(0, Math.min(fullNs, 1.01 * firstStretch(trace!)));
  const toolbar = timeToolbar(
    view,
    [
      ["Start", "Show the first actions", start],
      ["Whole run", "Show the whole run", () => view.reset()],
    ],
    (from, to) => `${formatInstant(Math.round(from))} to ${formatInstant(Math.round(to))}`,
  );
  start();
  const meaning = isEstimate
    ? "The first steps; the whole run follows."
    : "Each bar is one action on its device; the thin rows are its messages. Ctrl with the wheel zooms and dragging pans; with the keyboard, arrows walk over the actions, plus and minus zoom.";
  return section("timeline", "Timeline", meaning, [
    element("div", { class: "panel" }, [
      element("div", { class: "timeline-head" }, [jobLegend(state), letterKey(data)]),
      toolbar,
      stage,
      fillDefinitions(data),
      spoken,
      tableDetails(state, isTableOpen),
      createTooltip(state),
    ]),
  ]);
}
