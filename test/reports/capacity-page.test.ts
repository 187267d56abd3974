import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bestOf, capacityDocument, capacityReport, flipsOf } from "../../capacity/index.ts";
import type { CapacityAnswer } from "../../plan/index.ts";
import { smallRequest } from "../capacity/small-world.ts";
import { createCapacityBench, type OpenReport, type PageBench } from "./report-page.ts";

/** A small case's answer; undefined where it has not all that a page can show. */
async function answerOf(seed: string): Promise<CapacityAnswer | undefined> {
  const request = { ...smallRequest(seed), isExhaustive: true };
  const report = await capacityReport(request);
  const { misses, meets, apart } = capacityDocument(request, report, []);
  if (misses.length === 0 || meets.length < 3 || apart === null) return undefined;
  return capacityDocument(request, report, await flipsOf(request, report.best!, (all) => Promise.all(all.map(bestOf))));
}

let answer: CapacityAnswer;
let bench: PageBench<Parameters<Awaited<ReturnType<typeof createCapacityBench>>["open"]>[0]>;
let report: OpenReport;

beforeAll(async () => {
  let found: CapacityAnswer | undefined;
  for (let seed = 17; found === undefined; seed += 1) found = await answerOf(`page ${seed}`);
  answer = found;
  bench = await createCapacityBench();
  report = await bench.open({ answer, date: "2026-01-02", version: "1.2.3" });
}, 120_000);

afterAll(() => bench.close());

describe("the page of which machines to have", () => {
  it("loads nothing, has no faults, and names the machines with what they cost", async () => {
    const { page, faults, requests } = report;
    expect(faults).toEqual([]);
    expect(requests.filter((url) => !url.startsWith("file:") && !url.startsWith("data:"))).toEqual([]);
    const { candidate, cost } = answer.best!;
    expect(await page.locator("h1").textContent()).toContain(`${candidate.count} × ${candidate.accelerator}`);
    const shown = Math.round(cost.mean).toLocaleString("en-US");
    expect(await page.locator(".card-main").first().textContent()).toContain(shown);
  });

  it("says what is paid when, what failures cost, and all that it rests on", async () => {
    const { page } = report;
    const { money, forecast, best } = answer;
    expect(await page.locator("header p.meaning").textContent()).toMatch(/^(Buy|Reserve|Rent) .*\./);
    const texts = await page.locator("#money .sentences li").allTextContents();
    expect(texts[0]).toContain(`${best!.paidCount} x ${best!.candidate.accelerator}`);
    expect(await page.locator("#money table").first().locator("tbody tr").count()).toBe(money!.ways.length);
    expect(await page.locator("#money .paid-line").count()).toBe(money!.ways.length);
    const own = money!.ways.find(({ tenure }) => tenure === best!.candidate.tenure)!;
    const months = page.locator("#money details table tbody tr");
    expect(await months.count()).toBe(own.months.length);
    const last = own.total.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    expect(await months.last().textContent()).toContain(last);
    expect(await page.locator("#failures .sentences li").count()).toBeGreaterThanOrEqual(1);
    const inputs = await page.locator("#inputs").textContent();
    for (const { name, perDay } of forecast.kinds) expect(inputs).toContain(`${name}${perDay} a day`);
  });

  it("has a mark for each candidate that was simulated, with a box that says which", async () => {
    const { page } = report;
    expect(await page.locator(".candidate.keeps circle").count()).toBe(answer.meets.length);
    expect(await page.locator(".candidate.misses circle").count()).toBe(answer.misses.length);
    expect(await page.locator(".candidate.on-front").count()).toBe(
      answer.meets.filter(({ isOnFront }) => isOnFront).length,
    );
    expect(await page.locator(".best-ring").count()).toBe(1);
    await page.locator(".candidate.keeps circle").last().hover({ force: true });
    const box = page.locator(".tooltip");
    expect(await box.isVisible()).toBe(true);
    expect(await box.textContent()).toMatch(/ x .*cost.*level kept/);
    await page.keyboard.press("Escape");
    expect(await box.isVisible()).toBe(false);
  });

  it("leads to each of its sections, and has charts that fit on paper", async () => {
    const { page } = report;
    const ids = await page.locator("main > section").evaluateAll((all) => all.map(({ id }) => `#${id}`));
    const links = await page.locator("nav.contents a").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
    expect(links).toEqual(ids);
    const unscaled = page.locator('svg[width="100%"]:not([viewBox])');
    expect(await unscaled.count()).toBeGreaterThan(0);
    await page.evaluate('dispatchEvent(new Event("beforeprint"))');
    expect(await unscaled.count()).toBe(0);
    await page.evaluate('dispatchEvent(new Event("afterprint"))');
  });

  it("has what flips the answer, its neighbours, the week hour by hour, and all candidates", async () => {
    const { page } = report;
    expect(await page.locator("#flips tbody tr").count()).toBe(answer.flips.length);
    expect(await page.locator("#flips .flip-other").count()).toBe(answer.flips.filter(({ isOther }) => isOther).length);
    expect(await page.locator("#besides table").first().locator("tbody tr").count()).toBeGreaterThanOrEqual(3);
    expect(await page.locator("#week .heat td").count()).toBe(answer.week!.busy.length);
    const apart = page.locator("#apart tbody tr");
    expect(await apart.count()).toBe(answer.apart!.pools.length + 1);
    expect(await apart.first().textContent()).toContain(answer.apart!.pools[0]!.best.candidate.accelerator);
    const rows = Math.min(40, answer.meets.length) + Math.min(40, answer.misses.length);
    const tables = page.locator("#candidates tbody tr");
    expect(await tables.count()).toBeGreaterThanOrEqual(rows);
  });

  it.each([420, 900, 1440])("is no wider than a window of %i pixels", async (width) => {
    const { page } = await bench.open({ answer, date: "2026-01-02", version: "1.2.3" }, { width, height: 900 });
    const over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    expect(over).toBeLessThanOrEqual(0);
    await page.context().close();
  });

  it("says so where no candidate keeps the level", async () => {
    const none = {
      ...answer,
      best: null,
      runnerUp: null,
      fewer: null,
      more: null,
      otherSharing: null,
      week: null,
      apart: null,
    };
    const { page, faults } = await bench.open({
      answer: { ...none, meets: [], flips: [] },
      date: "2026-01-02",
      version: "1.2.3",
    });
    expect(faults).toEqual([]);
    expect(await page.locator("h1").textContent()).toBe("No candidate keeps the level of service");
    expect(await page.locator("header .meaning").textContent()).toMatch(/^Nearest: .+: .+\.$/);
    expect(await page.locator("section").evaluateAll((all) => all.map(({ id }) => id))).toEqual([
      "cost",
      "candidates",
      "inputs",
    ]);
  });
});
