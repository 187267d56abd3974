// What other pages take of the browser code of reports: elements, texts, the colours of jobs.
export { element, section } from "./element.ts";
export { formatDuration, formatNumber, formatShare } from "./format.ts";
export { jobHue } from "./job-colours.ts";
export { sparklinePath } from "./sparkline-path.ts";
