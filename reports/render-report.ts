import { buildReportData } from "./build-report-data.ts";
import { htmlPage, type ReportAssets } from "./html-page.ts";
import type { ReportInput } from "./report-input.ts";

/**
 * One self-contained HTML page about one trace, or about a simulated and an executed one. Its assets are client.js and
 * client.css.
 * @throws InputError for no trace, more than two, two that cannot be joined, or a trace of another plan.
 */
export function renderReport(input: ReportInput & { readonly assets: ReportAssets }): string {
  return htmlPage(input.title, buildReportData(input), input.assets);
}
