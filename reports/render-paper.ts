import { htmlPage, type ReportAssets } from "./html-page.ts";
import type { PaperPageData } from "./paper-data.ts";

/**
 * One self-contained HTML page about the paper's evaluation, published and predicted. Its assets are paper.js and
 * paper.css.
 */
export function renderPaper(data: PaperPageData, assets: ReportAssets): string {
  return htmlPage(data.title, data, assets);
}
