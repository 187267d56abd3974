import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ReportInput } from "../../reports/index.ts";
import { planWay } from "../../traces/index.ts";
import { createReportBench, type OpenReport, type ReportBench } from "./report-page.ts";
import { syntheticInput } from "./synthetic-run.ts";

const synthetic = syntheticInput({ steps: 6, fused: true });
const ways = synthetic.traces.map((trace) => planWay({ plan: synthetic.plan!, trace }));
const input: ReportInput = { ...synthetic, ways };
const numEvents = input.traces[0]!.events.length;
const sources = ["simulated", "executed"] as const;

let bench: ReportBench;
let report: OpenReport;
let page: Page;

const timeline = (source: (typeof sources)[number]): Locator => page.locator(`.timeline[data-source="${source}"]`);

async function domainOf(source: (typeof sources)[number]): Promise<readonly [number, number]> {
  const value = async (name: string): Promise<number> => Number(await timeline(source).getAttribute(name));
  return [await value("data-domain-start"), await value("data-domain-end")];
}

async function bothDomains(): Promise<readonly [number, number]> {
  const [simulated, executed] = [await domainOf("simulated"), await domainOf("executed")];
  expect(simulated).toEqual(executed);
  return simulated;
}

const wholeRun = (): Promise<void> => page.getByRole("button", { name: "Show the whole run" }).click();

beforeAll(async () => {
  bench = await createReportBench();
  report = await bench.open(input);
  page = report.page;
});

afterAll(() => bench.close());

describe("the page of a simulated and an executed trace", () => {
  it("opens at a step in the middle, in a frame in the overview of the whole run above it", async () => {
    const [start, end] = await bothDomains();
    const shown = new Set(
      input.traces[1]!.events.filter(({ startNs, durationNs }) => startNs >= start && startNs + durationNs <= end).map(
        ({ step }) => step,
      ),
    );
    expect(shown).toContain(3);
    expect(shown).not.toContain(0);
    expect(shown).not.toContain(5);
    await page.locator(".overview").scrollIntoViewIfNeeded();
    const [frame, whole] = await Promise.all(
      [".overview .selection", ".overview .overlay"].map(async (part) => (await page.locator(part).boundingBox())!),
    );
    expect(frame!.width).toBeLessThan(0.6 * whole!.width);
    expect(frame!.y).toBeLessThan((await timeline("simulated").boundingBox())!.y);
    await page.mouse.move(whole!.x + 1, whole!.y + 12);
    await page.mouse.down();
    await page.mouse.move(whole!.x + 0.2 * whole!.width, whole!.y + 12, { steps: 3 });
    await page.mouse.up();
    const [from, to] = await bothDomains();
    expect(from).toBeLessThan(start / 4);
    expect(to).toBeLessThan(end);
  });

  it("has links to its sections", async () => {
    const links = page.locator("nav.contents a");
    expect(await links.allTextContents()).toEqual(await page.locator("h2").allTextContents());
    for (const link of await links.all())
      expect(await page.locator(`section${await link.getAttribute("href")}`).count()).toBe(1);
  });

  it("shows the simulated timeline above the executed one, with a bar for each event", async () => {
    await wholeRun();
    expect(
      await page.locator(".timeline").evaluateAll((all) => all.map((one) => one.getAttribute("data-source"))),
    ).toEqual(sources);
    const tops = await page
      .locator(".timeline")
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top));
    expect(tops[0]).toBeLessThan(tops[1]!);
    for (const source of sources) {
      expect(await timeline(source).getAttribute("data-bars-total")).toBe(String(numEvents));
      expect(await timeline(source).locator(".bar").count()).toBe(numEvents);
    }
  });

  it("draws a bar as long as its action on the shared axis", async () => {
    await wholeRun();
    for (const trace of input.traces) {
      const event = trace.events.find(({ action, stream }) => action === "1B9" && stream === "compute")!;
      const [start, end] = await domainOf(trace.source);
      const bar = timeline(trace.source).locator('.bar[data-action="1B9"][data-stream="compute"]');
      const width = await bar.evaluate((node) => Number(node.getAttribute("width")));
      const track = await timeline(trace.source)
        .locator(".tracks rect")
        .first()
        .evaluate((node) => Number(node.getAttribute("width")));
      // The gap between neighbours is less than a pixel.
      expect(Math.abs(width - (event.durationNs / (end - start)) * track)).toBeLessThan(1);
    }
  });

  it("zooms both timelines by the wheel, pans both by dragging, and shows the whole run after a double click", async () => {
    await wholeRun();
    const whole = await bothDomains();
    const bars = timeline("simulated").locator('.bar[data-action="0F20"][data-stream="compute"]');
    await bars.hover();
    await page.mouse.wheel(0, -600);
    const zoomed = await bothDomains();
    expect(zoomed[1] - zoomed[0]).toBeLessThan(0.7 * (whole[1] - whole[0]));
    const drawn = Number(await timeline("simulated").getAttribute("data-bars-drawn"));
    expect(drawn).toBeLessThan(numEvents);
    expect(await timeline("simulated").locator(".bar").count()).toBe(drawn);

    const box = (await timeline("executed").boundingBox())!;
    await page.mouse.move(box.x + 700, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + 600, box.y + 40, { steps: 4 });
    await page.mouse.up();
    const panned = await bothDomains();
    expect(panned[0]).toBeGreaterThan(zoomed[0]);
    expect(panned[1] - panned[0]).toBeCloseTo(zoomed[1] - zoomed[0], 0);

    await timeline("executed").dblclick({ position: { x: 700, y: 40 } });
    expect(await bothDomains()).toEqual(whole);
  });

  it("zooms and returns by its buttons and by the keyboard", async () => {
    await wholeRun();
    const whole = await bothDomains();
    await page.getByRole("button", { name: "Zoom in" }).click();
    const half = await bothDomains();
    expect(half[1] - half[0]).toBeCloseTo((whole[1] - whole[0]) / 2, 0);
    await timeline("executed").focus();
    await page.keyboard.press("+");
    const quarter = await bothDomains();
    expect(quarter[1] - quarter[0]).toBeCloseTo((whole[1] - whole[0]) / 4, 0);
    await page.keyboard.press("0");
    expect(await bothDomains()).toEqual(whole);
  });

  it("marks the pointed-at action in both timelines and in the error plot, and tells its times and error", async () => {
    await wholeRun();
    await timeline("executed").locator('.bar[data-action="1B9"][data-stream="compute"]').hover();
    for (const source of sources) {
      expect(await timeline(source).locator(".bar.is-hovered").count()).toBeGreaterThan(0);
      const halos = timeline(source).locator(".halo");
      expect(new Set(await halos.evaluateAll((all) => all.map((one) => one.getAttribute("data-action"))))).toEqual(
        new Set(["1B9"]),
      );
    }
    expect(await page.locator(".dot.is-hovered").getAttribute("data-action")).toBe("1B9");
    const text = (await page.getByRole("tooltip").textContent())!;
    const [executed, simulated] = input.traces.map(
      (trace) => trace.events.find(({ action, stream }) => action === "1B9" && stream === "compute")!,
    );
    const error = simulated!.durationNs / executed!.durationNs - 1;
    for (const event of [simulated!, executed!]) expect(text).toContain(`${(event.durationNs / 1e6).toFixed(2)} ms`);
    expect(text).toContain(Math.abs(error * 100).toFixed(1));
    expect(text).toContain(`${executed!.tokens}\u00a0tokens`);
    for (const job of executed!.jobs) expect(text).toContain(job);
    await page.mouse.move(2, 2);
    expect(await page.getByRole("tooltip").count()).toBe(0);
    expect(await page.locator(".halo").count()).toBe(0);
  });

  it("walks through the actions of a device by the arrow keys", async () => {
    await wholeRun();
    await timeline("simulated").focus();
    await page.keyboard.press("ArrowRight");
    expect(await timeline("executed").locator('.halo[data-action="0F0"]').count()).toBeGreaterThan(0);
    await page.keyboard.press("ArrowRight");
    expect(await page.getByRole("tooltip").textContent()).toContain("0F1");
    await page.keyboard.press("ArrowDown");
    expect(await page.getByRole("tooltip").textContent()).toMatch(/^1[FB]/);
    await page.keyboard.press("Escape");
    expect(await page.getByRole("tooltip").count()).toBe(0);
  });

  it("draws the critical path of each run where a person wants it, and says what would shorten it", async () => {
    await wholeRun();
    const path = (source: (typeof sources)[number]): Locator => timeline(source).locator(".path-over");
    expect(await page.locator(".path-over").count()).toBe(0);
    expect(await page.locator(".path-lists").isHidden()).toBe(true);
    await page.getByLabel("Critical path").check();
    for (const [index, source] of sources.entries()) {
      const points = (await path(source).getAttribute("points"))!
        .split(" ")
        .map((point) => Number(point.split(",")[0]));
      expect(points).toEqual([...points].sort((a, b) => a - b));
      // From the start of the run to the line at its end.
      expect(Number(await timeline(source).locator(".run-end").getAttribute("x1"))).toBeCloseTo(points.at(-1)!, 0);
      const list = page.locator(".path-causes").nth(index);
      expect(await list.locator("h3").textContent()).toBe(`What would shorten the ${source} run`);
      // The page has the simulated run first, and what it is made from the executed one.
      const [{ facts, causes }] = [ways[1 - index]!];
      const [most] = facts.criticalPath;
      expect(await list.locator("li").first().textContent()).toContain(
        `products on ${most!.device}: ${((100 * most!.ns) / causes.makespanNs).toFixed(1)}`,
      );
    }
    await page.getByLabel("Critical path").uncheck();
    expect(await page.locator(".path-over").count()).toBe(0);
  });

  it("makes one adapter stand out by its legend, and lets go again", async () => {
    const button = page.getByRole("button", { name: "dates" });
    await button.click();
    const dimmed = await timeline("simulated").locator(".bar.is-dim").count();
    const others = input.traces[1]!.events.filter(({ jobs }) => !jobs.includes("dates")).length;
    expect(dimmed).toBe(others);
    await button.click();
    expect(await page.locator(".bar.is-dim").count()).toBe(0);
  });

  it("has a dot for each forward and backward, and brings a clicked one into view", async () => {
    const compared = input.traces[0]!.events.filter(({ stream, letter }) => stream === "compute" && letter !== "U");
    expect(await page.locator(".dot").count()).toBe(compared.length);
    await page.getByRole("button", { name: "By time" }).click();
    await page.locator('.dot[data-action="0B30"]').dispatchEvent("click");
    const [start, end] = await bothDomains();
    const event = input.traces[0]!.events.find(({ action, stream }) => action === "0B30" && stream === "compute")!;
    expect(start).toBeLessThanOrEqual(event.startNs);
    expect(end).toBeGreaterThanOrEqual(event.startNs + event.durationNs);
    await wholeRun();
  });

  it("has every section, a memory chart for each device and a loss curve for each job", async () => {
    const titles = await page.locator("h2").allTextContents();
    expect(titles).toEqual(["Losses", "Timelines", "Error of each action", "Bubbles", "Memory", "Numbers"]);
    expect(await page.locator("#memory figure").count()).toBe(2);
    expect(await page.locator("#losses .loss-line.is-main").count()).toBe(4);
    expect(await page.locator("caption strong").allTextContents()).toEqual([
      "Errors by kind of action",
      "Peak memory",
      "Worst actions",
      "Jobs",
    ]);
  });

  it("fits its window at 1440 and at 900 pixels", async () => {
    for (const width of [900, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      const root = page.locator("html");
      await expect.poll(() => root.evaluate((node) => node.clientWidth)).toBe(width);
      expect(await root.evaluate((node) => node.scrollWidth)).toBeLessThanOrEqual(width);
      const right = await timeline("simulated").evaluate((node) => node.getBoundingClientRect().right);
      expect(right).toBeLessThan(width);
    }
  });

  it("raises no error and asks for nothing but itself", () => {
    expect(report.faults).toEqual([]);
    expect(report.requests.filter((address) => !/^(file|data):/.test(address))).toEqual([]);
    expect(report.requests.filter((address) => address.startsWith("file:"))).toEqual([page.url()]);
  });
});

describe("the page of one trace", () => {
  it("leaves out what needs two, and works without a plan", async () => {
    const alone = await bench.open({ title: "A forecast", traces: [input.traces[1]!] });
    expect(await alone.page.locator(".timeline").count()).toBe(1);
    expect(await alone.page.locator("h2").allTextContents()).toEqual(["Timeline", "Bubbles", "Memory", "Numbers"]);
    expect(await alone.page.locator("caption strong").allTextContents()).toEqual(["Jobs"]);
    expect(alone.faults).toEqual([]);
  });
});

describe("the page of a long run", () => {
  it("thins the bars of the whole run and shows all of a window", { tags: ["slow"] }, async () => {
    const long = await bench.open(syntheticInput({ steps: 60, fused: false }));
    const first = long.page.locator(".timeline").first();
    const total = Number(await first.getAttribute("data-bars-total"));
    expect(total).toBeGreaterThan(7000);
    await long.page.getByRole("button", { name: "Show the whole run" }).click();
    expect(Number(await first.getAttribute("data-bars-drawn"))).toBeLessThan(5000);
    await long.page.getByRole("button", { name: "Show a step in the middle" }).click();
    const [start, end] = await first.evaluate((node) => [
      Number(node.getAttribute("data-domain-start")),
      Number(node.getAttribute("data-domain-end")),
    ]);
    const visible = syntheticInput({ steps: 60, fused: false }).traces[1]!.events.filter(
      ({ startNs, durationNs }) => startNs <= end! && startNs + durationNs >= start!,
    );
    expect(Number(await first.getAttribute("data-bars-drawn"))).toBe(visible.length);
    expect(long.faults).toEqual([]);
  });
});
