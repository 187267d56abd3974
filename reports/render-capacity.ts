import type { CapacityPageData } from "./capacity-data.ts";
import { htmlPage, type ReportAssets } from "./html-page.ts";

/** One self-contained HTML page about which machines to have. Its assets are capacity.js and capacity.css. */
export function renderCapacity(data: CapacityPageData, assets: ReportAssets): string {
  return htmlPage("Which machines to have", data, assets);
}
