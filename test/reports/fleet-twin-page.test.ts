import { afterAll, beforeAll, expect, it } from "vitest";
import { compareDecisions, fleetHistory, type JournalLine } from "../../plan/index.ts";
import type { FleetPageData } from "../../reports/index.ts";
import { fleetComparison, fleetPart } from "../../reports/index.ts";
import { createFleetBench, type PageBench } from "./report-page.ts";

const S = 1e9;

/** Two jobs, one after another, each for so long. */
function lines(seconds: number, first: number): readonly JournalLine[] {
  const request = { user: "", priority: 0, arrivalNs: 0, deadlineNs: null, iterations: 5, tokens: 1 };
  const events = [0, 1].map((number) => {
    return { kind: "arrived", number, request: { ...request, name: `job-${number}` }, predicted: 5 } as const;
  });
  const start = (number: number) =>
    ({ kind: "start", number, name: `job-${number}`, pipeline: 0, why: "its turn" }) as const;
  return [
    { line: 1, atNs: 0, events, decisions: [start(first)] },
    { line: 2, atNs: seconds * S, events: [{ kind: "ended", number: first }], decisions: [start(1 - first)] },
    { line: 3, atNs: 2 * seconds * S, events: [{ kind: "ended", number: 1 - first }], decisions: [] },
  ];
}

let bench: PageBench<FleetPageData>;
beforeAll(async () => {
  bench = await createFleetBench();
});
afterAll(() => bench.close());

it("shows an executed fleet beside its twin: errors by job, where decisions part, and losses", async () => {
  const [executed, twin] = [fleetHistory(lines(10, 0)), fleetHistory(lines(8, 1))];
  const losses = [0, 1].flatMap((job) => [0, 1, 2].map((step) => ({ job: `job-${job}`, step, loss: 3 - step })));
  const { page, faults } = await bench.open(
    {
      ...{ title: "run over time", date: "2026-01-01", facts: [] },
      fleets: [fleetPart("executed", executed, [], { losses }), fleetPart("simulated", twin, [])],
      comparison: fleetComparison(executed, twin, compareDecisions(lines(10, 0), lines(8, 1))),
    },
    { width: 420, height: 900 },
  );
  expect(await page.locator("#twin .card-main").allInnerTexts()).toEqual(["60.0 %", "+60.0 %", "0 of 2"]);
  expect(await page.locator("#twin li").allInnerTexts()).toEqual([
    "executed: start job-0 on pipeline 0 at 0 s (its turn)",
    "simulated: start job-1 on pipeline 0 at 0 s (its turn)",
    "in the run, what the twin decided there came 10.00 s later",
    "in the twin, what the run decided there came 8.00 s later",
    "all jobs took 15.00 s on average, 12.00 s in the twin (-20.0 %)",
  ]);
  const cells = (table: number) => page.locator("#jobs table").nth(table).locator("tbody tr").first().locator("td");
  expect((await cells(0).allInnerTexts()).slice(5, 8)).toEqual(["10 s", "16 s", "+60.0\u202f%"]);
  expect((await cells(1).allInnerTexts()).length).toBe((await cells(0).allInnerTexts()).length - 2);
  expect(await page.locator("#losses .loss-line.is-main").count()).toBe(2);
  expect(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")).toBeLessThanOrEqual(0);
  expect(faults).toEqual([]);
});
