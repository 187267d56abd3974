// Pages of what nobody would draw: names that are markup or very long, runs that hardly began, losses that are no numbers.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fleetHistory, type JournalLine } from "../../plan/index.ts";
import { type FleetPageData, fleetPart, type ReportInput } from "../../reports/index.ts";
import type { Trace } from "../../traces/index.ts";
import {
  createFleetBench,
  createReportBench,
  type OpenReport,
  type PageBench,
  type ReportBench,
  stylesOf,
} from "./report-page.ts";
import { syntheticInput } from "./synthetic-run.ts";

const NAMES = ["<img src=x onerror=alert(1)>", "\u202Egnp.exe", `${"👩‍👩‍👧 ".repeat(60)}`, `${"x".repeat(400)}-1`];
const SHARED = `${"a-very-long-name-of-a-sweep-".repeat(4)}lr`;

let reports: ReportBench;
let fleets: PageBench<FleetPageData>;
beforeAll(async () => {
  [reports, fleets] = [await createReportBench(), await createFleetBench()];
});
afterAll(async () => {
  await reports.close();
  await fleets.close();
});

/** A trace of other names, which a plan would refuse. */
function renamed(trace: Trace, names: readonly string[]): Trace {
  const before = [...new Set(trace.events.flatMap(({ jobs }) => jobs))];
  const nameOf = (job: string): string => names[before.indexOf(job)]!;
  return {
    ...trace,
    events: trace.events.map((event) => ({ ...event, jobs: event.jobs.map(nameOf) })),
    counters: trace.counters.map((each) => (each.job === undefined ? each : { ...each, job: nameOf(each.job) })),
  };
}

async function checkPage({ page, faults }: OpenReport): Promise<void> {
  expect(faults).toEqual([]);
  expect(await page.locator("img").count()).toBe(0);
  expect(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")).toBeLessThanOrEqual(0);
  expect(await page.locator("#report").textContent()).not.toMatch(/NaN|undefined|Infinity/);
  for (const path of await page.locator("path[d]").evaluateAll((all) => all.map((one) => one.getAttribute("d"))))
    expect(path).not.toContain("NaN");
}

describe("the page of a trace", () => {
  const two = syntheticInput({ steps: 3, fused: true });

  it.each([420, 1440])("takes any name as text, told apart in its curves, at %i pixels", async (width) => {
    for (const names of [NAMES, ["1e-4", "2e-4", "3e-4", "4e-4"].map((rate) => `${SHARED}${rate}-seed1`)]) {
      const input: ReportInput = { title: names[0]!, traces: two.traces.map((trace) => renamed(trace, names)) };
      const report = await reports.open(input, { width, height: 900 });
      await checkPage(report);
      const labels = await report.page.locator("#losses .end-label tspan:nth-of-type(2)").allTextContents();
      expect(new Set(labels).size).toBe(4);
      for (const label of labels) expect([...label].length).toBeLessThanOrEqual(17);
    }
  });

  it("opens whole where a run has one step, or was killed in its first", async () => {
    const one = syntheticInput({ steps: 1, fused: true });
    const killed = { ...one.traces[0]!, events: one.traces[0]!.events.slice(0, 3), counters: [] };
    for (const input of [one, { title: "killed", traces: [killed] }]) {
      const report = await reports.open(input);
      await checkPage(report);
      expect(await report.page.getByRole("button", { name: "Show a step in the middle" }).count()).toBe(0);
      const timeline = report.page.locator(".timeline").first();
      expect(await timeline.getAttribute("data-domain-start")).toBe("0");
    }
  });

  it("says of losses that are no numbers that they are not", async () => {
    const losses = two.plan!.jobs.flatMap(({ name }) =>
      [0, 1, 2].map((step) => ({ job: name, step, loss: Number.NaN, gradNorm: Number.NaN, learningRate: 1e-3 })),
    );
    const evaluations = losses.map(({ job, step }) => ({ job, step, evaluationLoss: Number.NaN }));
    await checkPage(await reports.open({ ...two, losses, evaluations }));
  });

  it("lets the keyboard pass by many adapters, and walk over them by arrow keys", async () => {
    const { page } = await reports.open(two);
    await page.locator(".legend button").first().focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    expect(await page.locator(".legend button[aria-pressed=true]").textContent()).toBe("word-problems");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.title")).toBe("Zoom out");
  });
});

describe("the page of a fleet", () => {
  const arrived = (number: number, name: string, user: string) => {
    const request = { name, user, priority: 0, arrivalNs: 0, deadlineNs: null, iterations: 5, tokens: 1 };
    return { kind: "arrived", number, request, predicted: 5 } as const;
  };
  const pageOf = (lines: readonly JournalLine[], told: Parameters<typeof fleetPart>[3]): FleetPageData => ({
    ...{ title: NAMES[0]!, date: "2026-01-01", facts: [] },
    fleets: [fleetPart("executed", fleetHistory(lines), [], told)],
  });

  it("has a colour for a job, in its table, its chart and its curve", async () => {
    const names = Array.from({ length: 10 }, (_, number) => `job-${number}`);
    const decisions = names.map((name, number) => {
      return { kind: "start", number, name, pipeline: number % 2, why: NAMES[number % 4]! } as const;
    });
    const lines: readonly JournalLine[] = [
      { line: 1, atNs: 0, events: names.map((name, number) => arrived(number, name, NAMES[3]!)), decisions },
      { line: 2, atNs: 9e9, events: [], decisions: [] },
    ];
    const losses = names.flatMap((job) => [0, 1].map((step) => ({ job, step, loss: 3 - step })));
    const report = await fleets.open(pageOf(lines, { losses }), { width: 420, height: 900 });
    await checkPage(report);
    const { page } = report;
    const dots = await stylesOf(page, "#jobs tbody .job-dot", "backgroundColor");
    expect(dots).toHaveLength(10);
    expect(await stylesOf(page, ".loss-line.is-main", "stroke")).toEqual(dots);
    expect(await stylesOf(page, ".span-training", "fill")).toEqual(dots.slice(0, 8));
    expect(await page.locator(".pipelines text").allTextContents()).toEqual(names.map((_, number) => `${number % 2}`));
  });

  it("is drawn where nothing was trained, and where all that was is no number", async () => {
    const waiting: readonly JournalLine[] = [
      { line: 1, atNs: 0, events: [arrived(0, "a", ""), arrived(1, "b", "")], decisions: [] },
      {
        ...{ line: 2, atNs: 0, events: [] },
        decisions: [{ kind: "refuse", number: 1, name: "b", why: NAMES[3]! }],
      },
    ];
    const losses = [{ job: "a", step: 0, loss: Number.NaN }];
    for (const data of [pageOf(waiting, {}), pageOf(waiting, { losses }), pageOf([], {})])
      await checkPage(await fleets.open(data, { width: 420, height: 900 }));
  });
});
