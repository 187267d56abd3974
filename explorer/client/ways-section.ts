import {
  createTimeAxis,
  createTimeWindow,
  createTooltip,
  dataTable,
  durationColumn,
  element,
  fillDefinitions,
  formatDuration,
  formatInstant,
  lastEnd,
  type PageState,
  pathToggle,
  type ReportData,
  section,
  timeToolbar,
} from "../../reports/client/index.ts";
import type { WaysAnswer } from "../answer-ways.ts";
import { runTimeline, timelineGutters } from "./run-timeline.ts";
import { fileDetails } from "./share-section.ts";
import { adapterLegend } from "./timeline-section.ts";

/** Why the other way takes longer or shorter, cause by cause. */
function causeTable({ causes, makespan }: WaysAnswer): HTMLElement {
  const all = [makespan, ...causes].flatMap(({ ns, differenceNs }) => [...ns, differenceNs]);
  const column = durationColumn(all.map((each) => Math.abs(each) / 1e9));
  const signed = (ns: number): string => {
    const text = column(Math.abs(ns) / 1e9);
    return text.startsWith("<") || ns === 0 ? text : `${ns > 0 ? "+" : "−"}${text}`;
  };
  const cells = (text: string, { ns, differenceNs }: WaysAnswer["makespan"]): readonly string[] => [
    text,
    ...ns.map((each) => column(each / 1e9)),
    signed(differenceNs),
  ];
  const rows = [...causes.map((cause) => cells(cause.text, cause)), cells("The whole run", makespan)];
  return dataTable({
    caption: "The difference by cause",
    meaning: "Of a device, as the mean over all devices; the rows add up to the whole run, to the nanosecond.",
    columns: ["Time of a device", "A", "B", "B is longer by"],
    rows,
    rowClass: (row) => (row === causes.length ? "is-whole" : ""),
  });
}

/** Less of a run than is worth a word. */
const UNSEEN_SHARE = 1e-3;

/** How long a run is, and how much of it the timeline has, where that is not all. */
function runTime({ traces: [trace] }: ReportData, makespanNs: number): string {
  const shownNs = lastEnd(trace!.bars);
  const isWhole = shownNs >= (1 - UNSEEN_SHARE) * makespanNs;
  const whole = formatDuration(makespanNs / 1e9);
  return isWhole ? whole : `${whole}, the first ${formatDuration(shownNs / 1e9)} drawn`;
}

/** Two ways to train the same, one timeline below the other under one axis, and what their times differ by. */
export function waysSection(answer: WaysAnswer): HTMLElement {
  const { reports, names, makespan, json, documents } = answer;
  const fullNs = 1.01 * Math.max(1, ...reports.map(({ traces: [trace] }) => lastEnd(trace!.bars)));
  const stage = element("div", { class: "stage" });
  const view = createTimeWindow(stage, fullNs, timelineGutters(), "scrolls");
  const runs = reports.map((report) => runTimeline(report, view));
  stage.append(createTimeAxis(view));
  runs.forEach(({ node }, index) => {
    const title = `${index === 0 ? "A" : "B"}: ${names[index]}`;
    const time = element("span", { class: "makespan" }, [runTime(reports[index]!, makespan.ns[index]!)]);
    stage.append(element("h3", { class: "timeline-title" }, [title, time]), node);
  });
  const { toggle, lists } = pathToggle(
    "critical-paths",
    runs.map(({ state }) => state),
    reports.map(({ traces: [trace] }, index) => ({ path: trace!.path!, name: index === 0 ? "A" : "B" })),
  );
  const toolbar = timeToolbar(
    view,
    [["Whole run", "Show both whole runs", () => view.reset()]],
    (from, to) => `${formatInstant(Math.round(from))} to ${formatInstant(Math.round(to))}`,
  );
  toolbar.append(toggle);
  // Of a long run only the first adapters may be drawn.
  const [one, other] = runs.map(({ state }) => state) as [PageState, PageState];
  const named = one.data.jobs.length >= other.data.jobs.length ? one : other;
  const { workloads, commands } = documents;
  const meaning = "One way above the other, under one time axis.";
  return section("ways", "Two ways", meaning, [
    element("div", { class: "panel" }, [
      element("div", { class: "timeline-head" }, [adapterLegend(named)]),
      toolbar,
      stage,
      lists,
      ...reports.map(fillDefinitions),
      ...runs.flatMap(({ state, spoken }) => [spoken, createTooltip(state)]),
    ]),
    causeTable(answer),
    element("div", { class: "panel" }, [
      ...commands.map((command) => element("div", { class: "command" }, [element("code", {}, [command])])),
      ...workloads.map(({ file, text }) => fileDetails(`${file}-text`, file, text)),
      fileDetails("ways-json", "Every figure, as the command prints it", json),
    ]),
  ]);
}
