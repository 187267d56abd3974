import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCostModel, type PlanBody, sealPlan } from "../../plan/index.ts";
import { joinPipelines } from "../../plan/planner/join-pipelines.ts";
import type { ReportInput } from "../../reports/index.ts";
import { simulate } from "../../sim/index.ts";
import { unitPlan } from "../plan/unit-plan.ts";
import { createReportBench, type ReportBench } from "./report-page.ts";

function part(name: string, numJobs: number): PlanBody {
  const plan = unitPlan({ numDevices: 2, numJobs, parts: 2, steps: 5, perTokens: 16, lengths: [16, 40] });
  return {
    ...plan,
    devices: plan.devices.map((device, index) => ({ ...device, name: `${name}${index}` })),
    jobs: plan.jobs.map((job, index) => ({ ...job, name: `${name}-${index}` })),
  };
}

function inputOf(body: PlanBody): ReportInput {
  const plan = sealPlan(body, { model: null, data: {}, init: {} });
  const trace = simulate({ plan, planHash: plan.hash, costModel: createCostModel(plan.calibration, "float32") });
  return { title: "pipelines", plan, traces: [trace, { ...trace, source: "executed" }] };
}

const PIPELINES = inputOf(
  joinPipelines([
    { body: part("left", 2), jobs: [0, 2] },
    { body: part("right", 1), jobs: [1] },
  ]),
);

let bench: ReportBench;
beforeAll(async () => {
  bench = await createReportBench();
}, 60_000);
afterAll(() => bench.close());

describe("the page of a run of two pipelines", () => {
  it("has each pipeline's devices under its name, in both timelines", async () => {
    const { page, faults } = await bench.open(PIPELINES);
    for (const source of ["simulated", "executed"]) {
      const names = await page
        .locator(`.timeline[data-source="${source}"] :is(.pipeline-names text, .device-name)`)
        .evaluateAll((all) =>
          all
            .map((node) => ({ y: node.getBoundingClientRect().top, text: node.firstChild!.textContent }))
            .sort((a, b) => a.y - b.y)
            .map(({ text }) => text),
        );
      expect(names).toEqual(["pipeline 0", "left0", "left1", "pipeline 1", "right0", "right1"]);
    }
    expect(await page.locator("#bubbles h3").allTextContents()).toContain("right0 (pipeline 1)");
    expect(await page.locator("#memory figcaption").allTextContents()).toEqual([
      "left0 (pipeline 0)",
      "left1 (pipeline 0)",
      "right0 (pipeline 1)",
      "right1 (pipeline 1)",
    ]);
    expect(await page.locator(".facts").textContent()).toContain("lorapp, 4 stages in 2 pipelines");
    expect(faults).toEqual([]);
  }, 60_000);

  it("fits screens of 420, 900 and 1440 pixels", { tags: ["slow"], timeout: 60_000 }, async () => {
    for (const width of [420, 900, 1440]) {
      const { page } = await bench.open(PIPELINES, { width, height: 900 });
      expect(await page.locator(":root").evaluate((node) => node.scrollWidth)).toBeLessThanOrEqual(width);
    }
  });

  it("tells the pipelines from the traces where no plan is given", async () => {
    const { plan: _plan, ...withoutPlan } = PIPELINES;
    const { page } = await bench.open(withoutPlan);
    expect(await page.locator(".pipeline-names text").allTextContents()).toEqual([
      "pipeline 0",
      "pipeline 1",
      "pipeline 0",
      "pipeline 1",
    ]);
  }, 60_000);

  it("names no pipeline where there is one", async () => {
    const { page } = await bench.open(inputOf(part("only", 2)));
    expect(await page.locator(".pipeline-names text").count()).toBe(0);
    expect(await page.locator("#memory figcaption").allTextContents()).toEqual(["only0", "only1"]);
  }, 60_000);
});
