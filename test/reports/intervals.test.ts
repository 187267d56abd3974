import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ReportInput } from "../../reports/index.ts";
import { type Intervals, type Trace, traceTotals } from "../../traces/index.ts";
import { createReportBench, type ReportBench } from "./report-page.ts";
import { syntheticInput } from "./synthetic-run.ts";

const input: ReportInput = syntheticInput({ steps: 6, fused: true });
const [executed, simulated] = input.traces as readonly [Trace, Trace];
const totals = traceTotals(executed);

/** The makespan lies inside, the tokens per second above. */
const intervals: Intervals = {
  level: 0.9,
  samples: 100,
  seed: 0,
  makespanSeconds: [totals.makespanSeconds * 0.5, totals.makespanSeconds * 1.5],
  tokensPerSecond: [totals.tokensPerSecond * 0.5, totals.tokensPerSecond * 0.9],
  bubbleRatio: null,
  bubbleRatioTotal: [0, 1],
  jobs: [],
};

let bench: ReportBench;

beforeAll(async () => {
  bench = await createReportBench();
});

afterAll(() => bench.close());

async function cards(traces: readonly Trace[]): Promise<readonly { text: string; dots: number; bands: number }[]> {
  const { page, faults } = await bench.open({ ...input, traces });
  const found = await page.locator(".card").evaluateAll((all) =>
    all.map((card) => ({
      text: card.querySelector(".card-expected")?.textContent ?? "",
      bands: card.querySelectorAll(".interval-band").length,
      dots: card.querySelectorAll(".interval-executed").length,
    })),
  );
  expect(faults).toEqual([]);
  return found;
}

describe("the intervals of predicted figures", () => {
  it("are written and drawn, with the run inside or outside of them", { tags: ["slow"] }, async () => {
    const [makespan, rate, bubble] = await cards([{ ...simulated, intervals }, executed]);
    expect(makespan).toMatchObject({ bands: 1, dots: 1 });
    expect(makespan!.text).toMatch(/^90 % of runs: .* to .*, inside$/);
    expect(rate!.text).toMatch(/, outside$/);
    expect(bubble).toEqual({ text: "", bands: 0, dots: 0 });
  });

  it("have no dot without a run", { tags: ["slow"] }, async () => {
    const [makespan] = await cards([{ ...simulated, intervals }]);
    expect(makespan).toMatchObject({ bands: 1, dots: 0 });
    expect(makespan!.text).toMatch(/^90 % of runs: .* to \S+ \w+$/);
  });

  it("are left out where there are none, and where times are exact", { tags: ["slow"] }, async () => {
    const exact = { ...intervals, makespanSeconds: [3, 3] as const };
    for (const traces of [
      [simulated, executed],
      [{ ...simulated, intervals: exact }, executed],
    ])
      for (const card of await cards(traces)) expect(card).toEqual({ text: "", bands: 0, dots: 0 });
  });
});
