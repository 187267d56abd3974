// Writes the explorer's page with its built browser code, and opens it from a file in a browser without a network.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { browserAsset } from "../../cli/write-report.ts";
import { explorerPageData, renderExplorer } from "../../explorer/index.ts";
import { sceneHash } from "../../explorer/scene-hash.ts";
import { launch } from "../reports/report-page.ts";
import { changedScene } from "./scenes.ts";

export interface OpenExplorer {
  readonly page: Page;
  /** Console errors and exceptions so far. */
  readonly faults: readonly string[];
  /** Addresses that the page asked for so far, its own and those of its workers included. */
  readonly requests: readonly string[];
}

export interface OpenOptions {
  readonly width?: number;
  readonly theme?: "light" | "dark";
  /** Behind the page's address, without #. */
  readonly hash?: string;
  /** Until the run itself is simulated; so where absent. */
  readonly waits?: boolean;
}

export interface ExplorerBench {
  open(options?: OpenOptions): Promise<OpenExplorer>;
  close(): Promise<void>;
}

async function createExplorerBench(): Promise<ExplorerBench> {
  const folder = mkdtempSync(join(tmpdir(), "loratwin-explorer-"));
  const asset = (name: string): string => browserAsset("explorer", name);
  const assets = { script: asset("client.js"), style: asset("client.css") };
  const facts = { worker: asset("worker.js"), solver: asset("solver.txt"), date: "2026-01-02", version: "1.2.3" };
  const data = explorerPageData(facts);
  const file = join(folder, "explore.html");
  writeFileSync(file, renderExplorer(data, assets));
  const browser = await launch();
  return {
    async open({ width = 1440, theme = "light", hash, waits = true } = {}) {
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme });
      const faults: string[] = [];
      const requests: string[] = [];
      context.on("request", (request) => requests.push(request.url()));
      const page = await context.newPage();
      page.on("pageerror", (error) => faults.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
      });
      await page.goto(`${pathToFileURL(file).href}${hash === undefined ? "" : `#${hash}`}`);
      if (waits) await wholeAnswer(page);
      return { page, faults, requests };
    },
    async close() {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What `useExplorer` has opened. */
export interface UsedExplorer {
  readonly bench: ExplorerBench;
  /** It shows a scene of a few steps at first. */
  readonly explorer: OpenExplorer;
}

/** An explorer for the tests of a file: opened before them, closed behind them. */
export function useExplorer(): UsedExplorer {
  const used: { bench?: ExplorerBench; explorer?: OpenExplorer } = {};
  beforeAll(async () => {
    used.bench = await createExplorerBench();
    used.explorer = await used.bench.open({ hash: sceneHash(changedScene({ jobs: [{ steps: 3 }] })) });
  }, 120_000);
  afterAll(() => used.bench?.close());
  return used as UsedExplorer;
}

/** Until the run itself is simulated, after the first answer. */
export async function wholeAnswer(page: Page): Promise<void> {
  await page.locator('[data-answer="whole"]').waitFor({ timeout: 60_000 });
}

/** How long the first answers took so far, in milliseconds from the input to what is painted. */
export function firstAnswers(page: Page): Promise<readonly number[]> {
  return page.evaluate('performance.getEntriesByName("first answer").map(({ duration }) => duration)');
}

/** Does something that changes the scene, and returns how long its first answer took, in milliseconds. */
export async function changing(page: Page, act: () => Promise<unknown>): Promise<number> {
  const { length } = await firstAnswers(page);
  await act();
  await page.waitForFunction((before) => performance.getEntriesByName("first answer").length > before, length, {
    polling: 20,
    timeout: 60_000,
  });
  return (await firstAnswers(page)).at(-1)!;
}

/** Shows the scene of an address, with its whole answer. */
export async function showScene({ page }: OpenExplorer, hash: string): Promise<void> {
  if (new URL(page.url()).hash !== `#${hash}`) await changing(page, () => page.evaluate(`location.hash = "#${hash}"`));
  await wholeAnswer(page);
}

/** Gives an input a value, as a person does. */
export async function enter({ page }: OpenExplorer, id: string, value: string): Promise<void> {
  const field = page.locator(`#${id}`);
  if ((await field.evaluate(({ tagName }) => tagName)) === "SELECT") await field.selectOption(value);
  else await field.fill(value);
}
