import { afterAll, beforeAll, expect, it } from "vitest";
import type { LossRecord, ReportInput } from "../../reports/index.ts";
import { createReportBench, type ReportBench } from "./report-page.ts";
import { syntheticInput } from "./synthetic-run.ts";

const input: ReportInput = syntheticInput({ steps: 6, fused: true });
const NAMES = input.plan!.jobs.map(({ name }) => name);

let bench: ReportBench;
beforeAll(async () => {
  bench = await createReportBench();
});
afterAll(() => bench.close());

/** Six steps of each job, whose norms differ a thousandfold between them. */
const LOSSES: readonly LossRecord[] = NAMES.flatMap((job, number) =>
  Array.from({ length: 6 }, (_, step) => ({
    ...{ job, step, loss: 3 - step / 10, gradNorm: 10 ** number, learningRate: 1e-3 * (1 - step / 6) },
  })),
);

it("draws norm and rate of each job, where the run tells of them", async () => {
  const { page, faults } = await bench.open({ ...input, losses: LOSSES });
  const charts = page.locator("#steps .chart");
  expect(await charts.count()).toBe(2);
  for (const index of [0, 1]) expect(await charts.nth(index).locator(".loss-line.is-main").count()).toBe(NAMES.length);
  const ticks = (index: number) => charts.nth(index).locator(".axis-with-grid .tick text").allTextContents();
  // Powers of ten, as they differ so much.
  expect(await ticks(0)).toEqual(expect.arrayContaining(["1e+0", "1e+1", "1e+2"]));
  expect(await ticks(1)).toEqual(expect.arrayContaining(["2e-4", "1e-3"]));
  expect(faults).toEqual([]);
});

it("has no such charts where only losses are known", async () => {
  const { page, faults } = await bench.open(input);
  expect(await page.locator("#losses .loss-line.is-main").count()).toBe(NAMES.length);
  expect(await page.locator("#steps").count()).toBe(0);
  expect(faults).toEqual([]);
});

it("leaves out what is not finite, also where nothing of a job is", async () => {
  const losses = LOSSES.flatMap((record) => {
    if (record.job === NAMES[0])
      return record.step === 0 ? [{ ...record, loss: Number.NaN, gradNorm: Number.NaN }] : [];
    return [record.job === NAMES[1] && record.step === 5 ? { ...record, loss: Number.POSITIVE_INFINITY } : record];
  });
  const { page, faults } = await bench.open({ ...input, losses });
  expect(faults).toEqual([]);
  expect(await page.locator("#losses .loss-line.is-main").count()).toBe(NAMES.length - 1);
  const paths = await page.locator(".loss-line").evaluateAll((all) => all.map((one) => one.getAttribute("d")));
  for (const path of paths) expect(path).not.toContain("NaN");
  const cells = await page.locator("table").last().locator("tbody tr").allTextContents();
  expect(cells[0]).toMatch(/not finitenot finite$/);
  expect(cells[1]).toMatch(/3\.000not finite$/);
});

it("draws losses on held-out rows below those of training, of the jobs that were evaluated", async () => {
  const evaluations = NAMES.slice(0, 2).flatMap((job) =>
    [1, 3, 5].map((step) => ({ job, step, evaluationLoss: step === 5 ? Number.NaN : 3 - step / 5 })),
  );
  const { page, faults } = await bench.open({ ...input, losses: LOSSES, evaluations });
  const charts = page.locator("#losses .chart");
  expect(await charts.count()).toBe(2);
  expect(await charts.nth(1).locator(".loss-line.is-main").count()).toBe(2);
  expect(await page.locator("#losses").textContent()).toContain("the loss on held-out rows");
  expect(faults).toEqual([]);
});
