import { htmlPage, type ReportAssets } from "../reports/index.ts";
import type { ExplorerPageData } from "./page-data.ts";

/** Nothing is loaded; workers, and the solver in them, are made of the text that is in the page. */
const POLICY =
  "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src data:; worker-src blob:";

/** One self-contained page in which the planner and the simulator run. */
export function renderExplorer(data: ExplorerPageData, assets: ReportAssets): string {
  return htmlPage("Explore", data, assets, () => POLICY);
}
