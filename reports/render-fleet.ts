import type { FleetPageData } from "./fleet-data.ts";
import { htmlPage, type ReportAssets } from "./html-page.ts";

/** One self-contained HTML page about a fleet, or about two under different policies: fleet.js and fleet.css. */
export function renderFleet(data: FleetPageData, assets: ReportAssets): string {
  return htmlPage(data.title, data, assets);
}
