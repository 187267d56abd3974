import {
  createTimeAxis,
  createTimeWindow,
  createTooltip,
  dataTable,
  deviceLabel,
  element,
  fillDefinitions,
  formatInstant,
  jobLegend,
  LANES,
  lastEnd,
  letterKey,
  type PageState,
  pathToggle,
  type ReportData,
  section,
  timeToolbar,
} from "../../reports/client/index.ts";
import { runTimeline, timelineGutters } from "./run-timeline.ts";

/** Actions of the first device that are in sight at first. */
const FIRST_ACTIONS = 36;
/** Lines of the timeline as a table. */
const MOST_LINES = 200;
/** Adapters that are named above it. */
const MOST_CHIPS = 12;

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

/** What a timeline shows beside its bars. */
export interface TimelineExtras {
  readonly isEstimate: boolean;
  /** Whether the table below it is shown. */
  readonly isTableOpen: boolean;
}

/** The adapters of a run: many are in sight when a person asks for them. */
export function adapterLegend(state: PageState): HTMLElement {
  const legend = jobLegend(state);
  const { length } = state.data.jobs;
  if (length <= MOST_CHIPS) return legend;
  return element("details", { class: "many-jobs" }, [element("summary", {}, [`${length} adapters`]), legend]);
}

/** Who computes what when. */
export function timelineSection(data: ReportData, { isEstimate, isTableOpen }: TimelineExtras): HTMLElement {
  const [trace] = data.traces;
  const fullNs = 1.01 * Math.max(1, lastEnd(trace!.bars));
  const stage = element("div", { class: "stage" });
  const view = createTimeWindow(stage, fullNs, timelineGutters(), "scrolls");
  const { state, node, spoken } = runTimeline(data, view);
  stage.append(createTimeAxis(view), node);
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
  const { path } = trace!;
  const shortening = path === null ? undefined : pathToggle("critical-path", [state], [{ path }]);
  if (shortening !== undefined) toolbar.append(shortening.toggle);
  const meaning = isEstimate
    ? "The first steps; the whole run follows."
    : "Each bar is one action on its device; the thin rows are its messages. Ctrl with the wheel zooms and dragging pans; with the keyboard, arrows walk over the actions, plus and minus zoom.";
  return section("timeline", "Timeline", meaning, [
    element("div", { class: "panel" }, [
      element("div", { class: "timeline-head" }, [adapterLegend(state), letterKey(data)]),
      toolbar,
      stage,
      shortening?.lists,
      fillDefinitions(data),
      spoken,
      tableDetails(state, isTableOpen),
      createTooltip(state),
    ]),
  ]);
}
