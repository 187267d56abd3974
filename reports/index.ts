// A run's timelines, as the page draws them.
export { buildReportData } from "./build-report-data.ts";
// A fleet's page.

export { fleetComparison } from "./build-fleet-comparison.ts";
export { fleetPart } from "./build-fleet-data.ts";
// Which machines to have, as a page, and in words that it shares with the terminal.
export {
  apartAgainst,
  besides,
  boundsMeaning,
  type CapacityPageData,
  candidateCounts,
  candidateText,
  keptBound,
  keptText,
  MISSES_MEANING,
  missText,
  nearestText,
  RESTS,
  SPLIT_MEANING,
  splitText,
  tiedText,
  unfitReasons,
  withoutTies,
} from "./capacity-data.ts";
export {
  adviceText,
  type Figures,
  failureTexts,
  headroomTexts,
  hoursText,
  kindText,
  lateShareText,
  moneyTexts,
  monthsText,
  notCounted,
  priceText,
  titleText,
  wayText,
  wordMeanings,
} from "./capacity-words.ts";
// Data before they are trained on, token by token.
export type { DataPageData, PageFate, PageRow, PageSequence, PageSource, PageTokens } from "./data-page-data.ts";
export type { FleetFigure, FleetPageData, FleetPart } from "./fleet-data.ts";
// The browser code of a page, and a page around it.
export { escapeHtml, htmlPage, type ReportAssets } from "./html-page.ts";
// The paper's evaluation as a page.
export type { PaperPageData, PaperPageRow } from "./paper-data.ts";
export { renderCapacity } from "./render-capacity.ts";
export { renderData } from "./render-data.ts";
export { renderFleet } from "./render-fleet.ts";
export { renderPaper } from "./render-paper.ts";
export { type RegressPage, type RegressSection, type RegressTimeline, renderRegress } from "./render-regress.ts";
// One self-contained page from one trace or two.
export { renderReport } from "./render-report.ts";
export type { ReportData } from "./report-data.ts";
// What the page is made from.
export type { EvaluationRecord, LossRecord, ReportInput } from "./report-input.ts";
// Prompts that jobs have answered.
export type { PromptAnswers, SampleRecord } from "./samples-data.ts";
