// The page's data, and the page.
export { type ExplorerPageData, explorerPageData } from "./page-data.ts";
export { renderExplorer } from "./render-explorer.ts";
