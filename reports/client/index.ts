// What other pages take of the browser code of reports: elements, texts, the colours of jobs.

// A Gantt chart of a fleet that goes on, and what it is made of.
export { type FleetPart, SPAN_KINDS } from "../fleet-data.ts";
export { element, section } from "./element.ts";
export { createLiveGantt, type LiveGantt } from "./fleet/live-gantt.ts";
export { formatDuration, formatNumber, formatShare } from "./format.ts";
export { card } from "./header-parts.ts";
export { jobHue } from "./job-colours.ts";
export { sparklinePath } from "./sparkline-path.ts";
