// One self-contained page from one trace or two.
export { type ReportAssets, renderReport } from "./render-report.ts";
// What the page is made from.
export type { LossRecord, ReportInput } from "./report-input.ts";
