import { htmlPage, type ReportAssets } from "../reports/index.ts";
import type { WaysAnswer } from "./answer-ways.ts";

/** What the page of two ways is made of. */
export interface WaysPageData {
  readonly answer: WaysAnswer;
  readonly date: string;
  readonly version: string;
}

/** One self-contained page with two ways to train, side by side. Its assets are ways.js and client.css. */
export function renderWays(data: WaysPageData, assets: ReportAssets): string {
  return htmlPage(data.answer.names.join(" and "), data, assets);
}
