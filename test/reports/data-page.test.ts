import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../cli/run.ts";
import { initModel } from "../../datasets/index.ts";
import { createDataBench, type OpenReport, type PageBench } from "./report-page.ts";

const root = mkdtempSync(path.join(tmpdir(), "loratwin-data-page-"));
const at = (name: string): string => path.join(root, name);

const HOSTILE =
  '<script>document.title = "taken"</script></script><img src=x onerror="document.title = 1"> \u202e\u200b\u0000 \u27e6 \ud800 \u0645\u0631 é\u65e5';

let bench: PageBench<string>;
let html: string;
let report: OpenReport;

/** The page that a command line writes. */
async function written(...argv: readonly string[]): Promise<string> {
  const io = { stdout: () => {}, stderr: () => {}, isTty: false, cwd: root };
  expect(await run(["data", ...argv, "-o", "page.html"], io)).toBeLessThan(2);
  return readFileSync(at("page.html"), "utf8");
}

beforeAll(async () => {
  initModel({ folder: at("model"), hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
  const pair = (prompt: string, response: unknown) => ({ prompt, response });
  const rows = [
    pair("a b\n\tc", " one"),
    pair(HOSTILE, " <b>two</b>"),
    pair("x".repeat(900), " three"),
    pair("long", " x y".repeat(250_000)),
    pair("short", { no: "text" }),
    ...Array.from({ length: 60 }, (_, row) => pair(`${row}?`, ` ${row}`)),
  ];
  writeFileSync(at("rows.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  html = await written("rows.jsonl", "--tokenizer", "model", "--cutoff-length", "800");
  bench = await createDataBench();
  report = await bench.open(html);
}, 120_000);

afterAll(async () => {
  await bench.close();
  rmSync(root, { recursive: true, force: true });
});

describe("the page of data", () => {
  it("loads nothing, has no faults, and shows hostile rows as they are", async () => {
    const { page, faults, requests } = report;
    expect(faults).toEqual([]);
    expect(requests.filter((url) => !url.startsWith("file:") && !url.startsWith("data:"))).toEqual([]);
    expect(await page.title()).toBe("rows.jsonl");
    const text = await page.locator(".row").nth(1).locator(".tokens").textContent();
    expect(text).toContain('<script>document.title·=·"taken"</script></script><img·src=x');
    expect(text).toContain("\\u202e\\u200b\\u0000");
    expect(await page.locator(".row img, .row script").count()).toBe(0);
  });

  it("tells trained, masked and special tokens apart, each with its id, and shows spaces and line ends", async () => {
    const row = report.page.locator(".row").first();
    expect(await row.locator(".token.special").allTextContents()).toEqual(["<s>", "</s>"]);
    expect(await row.locator(".token").first().getAttribute("title")).toMatch(
      /^token 1, id \d+, special, not trained$/,
    );
    expect((await row.locator(".token.trained").allTextContents()).join("")).toBe("·one</s>");
    expect((await row.locator(".token.masked").allTextContents()).join("")).toBe("<s>a·b⏎\n⇥\tc");
  });

  it("has counts, a histogram with the cutoff, and buttons that choose among rows", async () => {
    const { page } = report;
    expect(await page.locator(".card").first().textContent()).toContain("63");
    expect(await page.locator(".lengths rect").count()).toBeGreaterThan(10);
    expect(await page.locator(".cutoff-name").textContent()).toBe("cutoff 800");
    const button = (name: string) => page.getByRole("button", { name });
    await button("refused 1").click();
    expect(await page.locator(".row").count()).toBe(1);
    expect(await page.locator(".refusal").textContent()).toMatch(/rows\.jsonl:5: Expected a text at response/);
    await button("dropped 1").click();
    expect(await page.locator(".row h4").allTextContents()).toEqual(["rows.jsonl line 3"]);
    await button("cut 1").click();
    expect(await page.locator(".row .sequence").textContent()).toMatch(/800 tokens, \d+ trained, [\d ]+ cut/);
    await button("all 65").click();
    expect(await page.locator(".row").count()).toBe(20);
    await button("Show 20 more rows").click();
    expect(await page.locator(".row").count()).toBe(40);
    expect(await page.locator("main .hint").first().textContent()).toBe("This page has 53 of 65 rows.");
  });

  it("goes through tokens with arrow keys", async () => {
    const { page } = report;
    const row = page.locator(".row").first();
    await row.locator(".tokens").focus();
    for (const key of ["ArrowRight", "ArrowRight"]) await page.keyboard.press(key);
    expect(await row.locator(".readout").textContent()).toMatch(/^token 2, id \d+, not trained of 12: "a"$/);
    await page.keyboard.press("End");
    expect(await row.locator(".current").textContent()).toBe("</s>");
  });

  it.each([420, 900, 1440])("is no wider than a window of %i pixels", async (width) => {
    const { page } = await bench.open(html, { width, height: 900 });
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
    await page.context().close();
  });

  it("shortens a long row, and stays small", async () => {
    const long = await written("rows.jsonl", "--tokenizer", "model");
    expect(statSync(at("page.html")).size).toBeLessThan(1e6);
    const { page } = await bench.open(long);
    expect(await page.locator(".gap").textContent()).toMatch(
      /^998 \d\d\d tokens are not shown, 998 \d\d\d of them trained$/,
    );
    await page.context().close();
  });

  it("has the sequences of a pair in one row", async () => {
    writeFileSync(at("pairs.jsonl"), JSON.stringify({ prompt: "q", chosen: "yes", rejected: "no" }));
    const { page } = await bench.open(await written("pairs.jsonl", "--tokenizer", "model"));
    expect(await page.locator(".row").count()).toBe(1);
    expect(await page.locator(".row .sequence strong").allTextContents()).toEqual(["chosen", "rejected"]);
    await page.context().close();
  });

  it("has the jobs of a workload, their problems, and rows of each file", async () => {
    const adapter = { rank: 2, alpha: 2, targets: ["q_proj"] };
    const job = { name: "one", adapter, batchSize: 1, steps: 1, data: { path: "rows.jsonl" } };
    writeFileSync(
      at("w.json"),
      JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, jobs: [job] }),
    );
    const { page, faults } = await bench.open(await written("w.json"));
    expect(faults).toEqual([]);
    expect(await page.locator(".problems .error").textContent()).toContain("1 of 65 rows refused: ");
    expect(await page.locator("table tbody th").first().textContent()).toBe("one");
    expect(await page.locator("section .meaning").textContent()).toBe("Jobs: one.");
    await page.context().close();
  });
});
