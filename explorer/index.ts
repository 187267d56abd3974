// The pages, and their data.
export { comparisonReport } from "./answer-comparison.ts";
export { planReport, type ShownWay } from "./answer-scene.ts";
export { shownWays, type WaysAnswer } from "./answer-ways.ts";
export { type ExplorerPageData, explorerPageData } from "./page-data.ts";
export { renderExplorer } from "./render-explorer.ts";
export { renderWays } from "./render-ways.ts";
