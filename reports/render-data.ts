import type { DataPageData } from "./data-page-data.ts";
import { htmlPage, type ReportAssets } from "./html-page.ts";

/** One self-contained HTML page about data before they are trained on. Its assets are data.js and data.css. */
export function renderData(data: DataPageData, assets: ReportAssets): string {
  return htmlPage(data.title, data, assets);
}
