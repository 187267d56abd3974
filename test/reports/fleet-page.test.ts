import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fleetHistory, type JournalLine } from "../../plan/index.ts";
import { type FleetPageData, fleetPart } from "../../reports/index.ts";
import { createFleetBench, type OpenReport, type PageBench } from "./report-page.ts";

const S = 1e9;
const NUM_JOBS = 1000;

/** A name that is markup where it is not taken as text. */
const nameOf = (number: number): string => (number === 1 ? '<img src="x">' : `job-${number}`);

/** Jobs that come a minute apart, wait a minute each and train for ten; the first one is preempted for a while. */
function lines(): readonly JournalLine[] {
  const made: {
    atNs: number;
    events: JournalLine["events"][number][];
    decisions: JournalLine["decisions"][number][];
  }[] = [];
  const at = (seconds: number) => {
    const line = { atNs: seconds * S, events: [], decisions: [] } as (typeof made)[number];
    made.push(line);
    return line;
  };
  for (let number = 0; number < NUM_JOBS; number += 1) {
    const [name, came] = [nameOf(number), 60 * number];
    const own = { number, name };
    const request = {
      name,
      user: "ann",
      priority: 0,
      arrivalNs: came * S,
      deadlineNs: null,
      iterations: 10,
      tokens: 8,
    };
    at(came).events.push({ kind: "arrived", number, request, predicted: 10 });
    at(came + 60).decisions.push({ ...own, kind: "start", pipeline: number % 3, why: `its turn ${number}` });
    at(came + 660).events.push({ kind: "progress", number, done: 10, between: true }, { kind: "ended", number });
  }
  at(120).events.push({ kind: "progress", number: 0, done: 2, between: true });
  made.at(-1)!.decisions.push({ number: 0, name: "job-0", kind: "preempt", pipeline: 0, why: "for <b>another</b>" });
  at(180).decisions.push({ number: 0, name: "job-0", kind: "resume", pipeline: 1, why: "others have left" });
  return made.sort((a, b) => a.atNs - b.atNs).map((line, index) => ({ line: index + 1, ...line }));
}

const figures = [{ name: "Makespan", text: "16 h 50 min", detail: "to the end" }];
const part = fleetPart("sjf", fleetHistory(lines()), figures);
const data: FleetPageData = {
  title: "Jobs <over> time",
  date: "2026-01-01",
  facts: [{ label: "Policy", value: "sjf" }],
  fleets: [part, { ...part, title: "fifo" }],
};

let bench: PageBench<FleetPageData>;
let report: OpenReport;

beforeAll(async () => {
  bench = await createFleetBench();
  report = await bench.open(data);
});

afterAll(() => bench.close());

const press = async (...keys: readonly string[]): Promise<void> => {
  await report.page.locator(".gantt").first().focus();
  for (const key of keys) await report.page.keyboard.press(key);
};
const box = async (): Promise<string> => (await report.page.locator(".tooltip > div").allTextContents()).join(" | ");

describe("the page of a fleet of a thousand jobs", () => {
  it("loads nothing, has no faults, and takes names as text", async () => {
    expect(report.faults).toEqual([]);
    expect(report.requests.filter((url) => !url.startsWith("file:") && !url.startsWith("data:"))).toEqual([]);
    expect(await report.page.locator("img").count()).toBe(0);
    expect(await report.page.locator("h1").textContent()).toBe("Jobs <over> time");
    expect(await report.page.locator(".card-main").allInnerTexts()).toEqual(["16 h 50 min", "16 h 50 min"]);
  });

  it("draws the rows that are in sight", async () => {
    const gantt = report.page.locator(".gantt").first();
    expect(Number(await gantt.getAttribute("data-rows-drawn"))).toBeLessThan(30);
    const names = () => report.page.locator(".row-names").first().locator("text").allTextContents();
    expect((await names())[1]).toBe('<img src="x">');
    await report.page
      .locator(".gantt-scroller")
      .first()
      .evaluate((node) => node.scrollTo(0, 10_000));
    await expect.poll(async () => (await names())[0]).toBe("job-500");
    await report.page
      .locator(".gantt-scroller")
      .first()
      .evaluate((node) => node.scrollTo(0, 0));
  });

  it("says by the keyboard what a job did and why, and to a screen reader too", async () => {
    await press("ArrowDown", "ArrowRight", "ArrowRight");
    expect(await box()).toBe(
      "job-0 preempted | for <b>another</b> | 2 min to 3 min (1 min 00 s) · 2 of 10 iterations before · of ann · priority 0",
    );
    expect(await report.page.locator("[aria-live]").textContent()).toBe(
      "job-0, preempted; 2 min to 3 min (1 min 00 s); for <b>another</b>",
    );
    await press("End");
    expect(await box()).toContain("job-999");
    expect(
      await report.page
        .locator(".gantt-scroller")
        .first()
        .evaluate((node) => node.scrollTop),
    ).toBeGreaterThan(0);
    await press("Escape", "Home");
    expect(await box()).toContain("job-0");
    await press("Escape");
    expect(await report.page.locator(".tooltip").isHidden()).toBe(true);
  });

  it("says the same where the pointer is, and has rows for the window's jobs alone", async () => {
    const { page } = report;
    await page.evaluate("document.activeElement.blur()");
    for (let step = 0; step < 6; step += 1) await page.getByRole("button", { name: "Zoom in" }).click();
    const rows = Number(await page.locator(".gantt").first().getAttribute("data-rows-drawn"));
    expect(rows).toBeGreaterThan(10);
    const bounds = (await page.locator(".gantt").first().boundingBox())!;
    await page.mouse.move(bounds.x + bounds.width / 2, bounds.y + 290);
    expect(await box()).toMatch(/^job-\d+ (training on pipeline \d \| its turn \d+|waiting) \|/);
    await page.getByLabel("Only jobs of this time").uncheck();
    expect(await page.locator(".row-names").first().locator("text").first().textContent()).toBe("job-0");
    await page.getByRole("button", { name: "Show the whole time" }).click();
  });

  it("sorts its table by any column, finds jobs, and shows one in the chart", async () => {
    const table = report.page.locator("#jobs .table-panel").first();
    const first = () => table.locator("tbody tr").first().locator("td, th").allInnerTexts();
    await table.getByRole("button", { name: "Preempted" }).click();
    expect(await first()).toEqual(
      expect.arrayContaining(["job-0", "ann", "1 min", "11 min", "2 min", "81.8\u202f%", "10 of 10"]),
    );
    expect(await table.locator("th[aria-sort=descending]").textContent()).toMatch(/^Preempted/);
    await table.getByRole("button", { name: "Came" }).click();
    expect((await first())[0]).toBe("job-999");
    expect(await table.locator("tbody tr").count()).toBe(100);
    await table.getByRole("searchbox").fill("JOB-77");
    expect(await table.locator("tbody tr").count()).toBe(11);
    await table.getByRole("button", { name: "job-770" }).click();
    expect(await report.page.locator(".row-names").first().locator("text").allTextContents()).toContain("job-770");
    // One stop of Tab for all jobs, and arrow keys between them.
    expect(await table.locator("tbody button[tabindex='0']").count()).toBe(1);
    await table.locator("tbody button").first().focus();
    await report.page.keyboard.press("End");
    await report.page.keyboard.press("Tab");
    expect(await report.page.evaluate("document.activeElement.closest('tbody')")).toBeNull();
  });

  it("has every job on paper, with charts that fit its width, and is as it was afterwards", async () => {
    const { page } = await bench.open(data);
    const shown = () =>
      page.evaluate(`[
        document.querySelectorAll("#jobs tbody tr").length,
        document.querySelector(".gantt").dataset.rowsDrawn,
        document.querySelectorAll('svg[width="100%"]:not([viewBox])').length,
      ]`);
    const before = await shown();
    await page.evaluate('dispatchEvent(new Event("beforeprint"))');
    expect(await shown()).toEqual([2 * NUM_JOBS, `${NUM_JOBS}`, 0]);
    await page.evaluate('dispatchEvent(new Event("afterprint"))');
    expect(await shown()).toEqual(before);
  });

  it.each([420, 900, 1440])("needs no sideways scrolling at %d pixels, light or dark", async (width) => {
    const { page, faults } = await bench.open(data, { width, height: 900 });
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")).toBe(0);
    expect(faults).toEqual([]);
    expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(15, 18, 22)");
  });
});
