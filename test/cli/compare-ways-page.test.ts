import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../cli/run.ts";
import { launch } from "../reports/report-page.ts";

const root = mkdtempSync(path.join(tmpdir(), "loratwin-ways-"));
let browser: Browser;

/** What a command line prints. */
async function told(...argv: readonly string[]): Promise<string> {
  let text = "";
  const stdout = (piece: string): void => {
    text += piece;
  };
  expect(await run(argv, { stdout, stderr: () => {}, isTty: false, cwd: root })).toBe(0);
  return text;
}

beforeAll(async () => {
  cpSync(path.join(import.meta.dirname, "../../examples/gpu-workload.yaml"), path.join(root, "w.yaml"));
  browser = await launch();
}, 60_000);

afterAll(async () => {
  await browser.close();
  rmSync(root, { recursive: true, force: true });
});

it("two ways of an own workload are a page: both timelines, the causes, and the figures of --json", async () => {
  const gpus = ["w.yaml", "--devices", "A100 SXM 80*2", "--no-intervals", "--quiet"];
  await told("plan", ...gpus, "-o", "one.json");
  await told("plan", ...gpus, "--schedule", "gpipe", "--pipelines", "1", "-o", "other.json");
  const json = await told("compare", "one.json", "other.json", "--json", "-o", "ways.html");
  const page = await browser.newPage({ viewport: { width: 420, height: 900 } });
  const faults: string[] = [];
  page.on("pageerror", ({ message }) => faults.push(message));
  await page.goto(pathToFileURL(path.join(root, "ways.html")).href);
  await page.locator("#ways .timeline").nth(1).waitFor();
  expect(faults).toEqual([]);
  expect(await page.locator("h1").textContent()).toMatch(/^Why [AB] takes longer than [AB]$|^Two ways$/);
  expect(await page.locator(".timeline-title").allTextContents()).toEqual([
    expect.stringContaining("A: one.json: lorapp"),
    expect.stringContaining("B: other.json: gpipe"),
  ]);
  expect(JSON.parse((await page.locator("#ways-json pre").textContent())!)).toEqual(JSON.parse(json));
  expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
  await page.close();
}, 60_000);

it("a schedule that is simulated only may be one of them, and the page has its command", async () => {
  const asked = ["--workload", "w.yaml", "--devices", "A100 SXM 80*2"];
  await told("compare", "tp", "fsdp", ...asked, "-o", "page.html");
  const html = readFileSync(path.join(root, "page.html"), "utf8");
  expect(html).toContain("loratwin compare tp fsdp --workload w.yaml --devices 'A100 SXM 80*2' --json");
  expect(html).toContain("tp, simulated only and fsdp, simulated only");
});
