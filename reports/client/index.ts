// What other pages take of the browser code of reports: elements, texts, the colours of jobs.

// A Gantt chart of a fleet that goes on, and what it is made of.
export { type FleetPart, SPAN_KINDS } from "../fleet-data.ts";
// A run's data, and its timeline.
export { LANES, type ReportData } from "../report-data.ts";
export { contentsOf } from "./contents.ts";
export { type Cell, dataTable } from "./data-table.ts";
export { element, section } from "./element.ts";
export { createLiveGantt, type LiveGantt } from "./fleet/live-gantt.ts";
export {
  costText,
  durationColumn,
  formatDuration,
  formatInstant,
  formatMemory,
  formatNumber,
  formatShare,
} from "./format.ts";
export { card, factList } from "./header-parts.ts";
export { fillDefinitions, jobDot, jobHue } from "./job-colours.ts";
export { createPageState, deviceLabel, type PageState } from "./page-state.ts";
export { pathToggle } from "./path-toggle.ts";
export { scaleChartsOnPaper } from "./print.ts";
// Rows of a long table.
export { createRowChoice } from "./row-choice.ts";
// Prompts that jobs have answered.
export { samplesSection } from "./samples.ts";
export { sparklinePath } from "./sparkline-path.ts";
export { createTimeAxis } from "./time-axis.ts";
export { timeToolbar } from "./time-toolbar.ts";
export { createTimeWindow, type Gutters, type TimeWindow } from "./time-window.ts";
export { createTimeline } from "./timeline.ts";
export { bindTimelineKeys } from "./timeline-keys.ts";
export { lastEnd, layoutLanes, usedStreams } from "./timeline-lanes.ts";
export { jobLegend, letterKey } from "./timeline-legend.ts";
export { createTooltip } from "./tooltip.ts";
