import { afterAll, beforeAll, expect, test } from "vitest";
import type { PaperPageData, PaperPageRow } from "../../reports/index.ts";
import { createPaperBench, type OpenReport, type PageBench } from "./report-page.ts";

function row(facts: Partial<PaperPageRow>): PaperPageRow {
  return {
    figure: "7",
    model: "llama-2-7b",
    system: "lorapp",
    adapters: 1,
    unit: "hours",
    published: 8,
    predicted: 8.4,
    error: 0.05,
    peakBytes: 20e9,
    use: "predicted",
    note: "",
    ...facts,
  };
}

const score = { mean: 0.012, worst: 0.04 };
const DATA: PaperPageData = {
  title: "Published <and> predicted",
  date: "2026-01-01",
  version: "1.2.3",
  device: "RTX A6000",
  numDevices: 4,
  capacityBytes: 48 * 2 ** 30,
  calibrationCells: ["Fig. 7, llama-2-7b, lorapp with 2, hours"],
  figures: [
    { name: "computeEfficiency", value: 0.549, unit: "of the peak", origin: "calibrated", source: "the cells" },
    { name: "ringBytesPerSecond", value: 15.75e9, unit: "B/s", origin: "assumed", source: "half of PCIe" },
  ],
  rows: [
    row({ system: "tp", published: 6.6, predicted: 6.7, error: 0.015 }),
    row({ system: "fsdp", published: "out of memory", predicted: "out of memory", error: null }),
    row({}),
    row({ adapters: 2, published: 4.7, predicted: 4.7, error: 0, use: "calibration" }),
    row({
      figure: "11",
      unit: "tokens/s",
      published: 1284,
      predicted: 2100,
      error: 0.6355,
      use: "explained",
      note: "why",
    }),
    row({ figure: "11", unit: "tokens/s", system: "fsdp", published: "out of memory", predicted: 900, error: null }),
  ],
  scores: [{ of: "pipelines, Fig. 7", rows: 16, ...score }],
  orderings: [
    { statement: "lorapp with 2 before tp", holds: true },
    { statement: "tp before fsdp", holds: false },
  ],
  variations: [{ figure: "ringBytesPerSecond", factor: 0.5, pipelines: score, tensorParallel: score }],
};

let bench: PageBench<PaperPageData>;
let report: OpenReport;

beforeAll(async () => {
  bench = await createPaperBench();
  report = await bench.open(DATA);
});

afterAll(() => bench.close());

test("the page loads nothing and has no faults", () => {
  expect(report.faults).toEqual([]);
  expect(report.requests.filter((url) => !url.startsWith("file:") && !url.startsWith("data:"))).toEqual([]);
});

test("every cell is a row with its error, and those that were fitted to are marked", async () => {
  const { page } = report;
  expect(await page.locator("#cells tbody tr").count()).toBe(DATA.rows.length);
  expect(await page.locator("#cells tr.use-calibration").count()).toBe(1);
  expect(await page.locator("#cells tr.use-calibration .badge").textContent()).toBe("fitted to");
  expect(await page.locator("#cells tr.use-explained").textContent()).toMatch(/1284\s*2100\s*\+63\.5.%[\s\S]*note 1/);
  expect(await page.locator("#cells ol.notes li").allInnerTexts()).toEqual(["why"]);
});

test("completion time has a point for each number of adapters, published and predicted, and levels for the others", async () => {
  const { page } = report;
  expect(await page.locator(".published-point").count()).toBe(2);
  expect(await page.locator(".predicted-point").count()).toBe(2);
  expect(await page.locator(".point.is-calibration").count()).toBe(2);
  expect(await page.locator(".other-line").count()).toBe(2);
  expect(await page.locator("#completion .hint").textContent()).toBe("FSDP: out of memory, as predicted");
});

test("pointing at a point says what it is", async () => {
  const { page } = report;
  await page.locator(".predicted-point").first().hover();
  expect(await page.locator(".tooltip").textContent()).toMatch(
    /Llama 2 7B, LoRAPP with 1[\s\S]*8\.000 hours[\s\S]*8\.400 hours[\s\S]*\+5\.0/,
  );
});

test("throughput bars are as long as their rates", async () => {
  const { page } = report;
  const width = async (kind: string) => (await page.locator(`.rate-${kind}`).last().boundingBox())!.width;
  expect((await width("published")) / (await width("predicted"))).toBeCloseTo(1284 / 2100, 1);
  expect(await page.locator(".rate-bar.is-missing").textContent()).toBe("published: out of memory");
});

test("orderings, origins and variations are there, and an ordering that fails stands out", async () => {
  const { page } = report;
  expect(await page.locator(".orderings .fails").textContent()).toContain(
    "tp before fsdp (predicted the other way round)",
  );
  expect(await page.locator("#origins").textContent()).toMatch(
    /0\.549 of the peak[\s\S]*1\.575e10 B\/s[\s\S]*What each assumed figure decides/,
  );
});

test("a small screen needs no sideways scrolling of the page", async () => {
  const small = await bench.open(DATA, { width: 390, height: 800 });
  const overflow = await small.page.evaluate(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  expect(overflow).toBe(0);
  expect(small.faults).toEqual([]);
});
