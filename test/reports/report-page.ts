// Writes a page with the built browser code, and opens it as a reader would: from a file, in a browser without a network.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { pageAssets } from "../../cli/write-report.ts";
import {
  type CapacityPageData,
  type FleetPageData,
  type PaperPageData,
  type ReportAssets,
  type ReportInput,
  renderCapacity,
  renderFleet,
  renderPaper,
  renderReport,
} from "../../reports/index.ts";

const BROWSER_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface OpenReport {
  readonly page: Page;
  /** Console errors and exceptions so far. */
  readonly faults: readonly string[];
  /** Addresses that the page asked for so far, its own included. */
  readonly requests: readonly string[];
}

/** A browser and pages in a folder of their own, for one test file. */
export interface PageBench<Input> {
  readonly assets: ReportAssets;
  open(input: Input, viewport?: { readonly width: number; readonly height: number }): Promise<OpenReport>;
  close(): Promise<void>;
}
export type ReportBench = PageBench<ReportInput>;

export function launch(): Promise<Browser> {
  const executablePath = process.env["LORATWIN_CHROMIUM"] ?? process.env["CHROMIUM"] ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: BROWSER_FLAGS });
}

/** Pages with the same browser code, from data that `render` turns into HTML; `ready` is there when a page is drawn. */
async function createBench<Input>(
  assets: ReportAssets,
  render: (input: Input, assets: ReportAssets) => string,
  ready: string,
): Promise<PageBench<Input>> {
  const folder = mkdtempSync(join(tmpdir(), "loratwin-report-"));
  const browser = await launch();
  let numPages = 0;
  return {
    assets,
    async open(input, viewport = { width: 1440, height: 900 }) {
      numPages += 1;
      const file = join(folder, `report-${numPages}.html`);
      writeFileSync(file, render(input, assets));
      const context = await browser.newContext({ viewport });
      const faults: string[] = [];
      const requests: string[] = [];
      context.on("request", (request) => requests.push(request.url()));
      const page = await context.newPage();
      page.on("pageerror", (error) => faults.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error") faults.push(message.text());
      });
      await page.goto(pathToFileURL(file).href);
      await page.locator(ready).first().waitFor();
      return { page, faults, requests };
    },
    async close() {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function createReportBench(): Promise<ReportBench> {
  const render = (input: ReportInput, assets: ReportAssets): string => renderReport({ ...input, assets });
  return createBench(pageAssets("client"), render, ".timeline[data-bars-drawn] .bar");
}

export function createPaperBench(): Promise<PageBench<PaperPageData>> {
  return createBench(pageAssets("paper"), renderPaper, ".point");
}

export function createCapacityBench(): Promise<PageBench<CapacityPageData>> {
  return createBench(pageAssets("capacity"), renderCapacity, "#cost circle");
}

export function createFleetBench(): Promise<PageBench<FleetPageData>> {
  return createBench(pageAssets("fleet"), renderFleet, ".gantt[data-rows-drawn]");
}

/** Of pages that a command has written. */
export function createDataBench(): Promise<PageBench<string>> {
  return createBench(pageAssets("data"), (html) => html, ".row");
}

/** A property of the style of all elements, as it is drawn. */
export function stylesOf(page: Page, selector: string, property: string): Promise<readonly string[]> {
  const [elements, name] = [selector, property].map((text) => JSON.stringify(text));
  return page.evaluate(`[...document.querySelectorAll(${elements})].map((each) => getComputedStyle(each)[${name}])`);
}
