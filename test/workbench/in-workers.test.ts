import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { packageFile } from "../../files/index.ts";
import { type Calibration, calibrationSchema } from "../../plan/index.ts";
import { inWorkers } from "../../workbench/in-workers.ts";
import { unitPlan } from "../plan/unit-plan.ts";
import { firstDraws } from "../sim/drawn-costs.ts";

/** What `npm run build` made of workbench/worker.ts. */
const file = pathToFileURL(packageFile("dist", "workbench", "worker.js"));

const plan = {
  ...unitPlan({ numDevices: 2, numJobs: 2, parts: 2, steps: 5 }),
  devices: unitPlan({ numDevices: 2, numJobs: 2, parts: 2, steps: 5 }).devices.map((device) => ({
    ...device,
    peakFlopsPerSecond: { float32: 1e13 },
    memoryBytesPerSecond: 1e12,
  })),
};
const calibration: Calibration = calibrationSchema.parse({
  kind: "calibration",
  version: 1,
  model: "roofline",
  computeEfficiency: 0.5,
  memoryEfficiency: 0.5,
  launchSeconds: 1e-6,
});
const shared = { plan, calibration, seed: 7 };
const parts = [3, 1, 4, 1, 5].map((count, index) => ({ draws: firstDraws(10 * index + count).slice(10 * index) }));

describe("work in threads", () => {
  it("gives what one thread gives, in the order of the parts, whatever the number of threads", {
    tags: ["slow"],
  }, async () => {
    const own = await inWorkers("draws", shared, parts, { workers: 1 });
    expect(own.map((figures) => figures.length)).toEqual([3, 1, 4, 1, 5]);
    for (const workers of [2, 3, 16]) expect(await inWorkers("draws", shared, parts, { workers, file })).toEqual(own);
  });

  it("is done in the own thread where there is no built worker, as from the sources, and where there is one part", async () => {
    const own = await inWorkers("draws", shared, parts, { workers: 1 });
    expect(await inWorkers("draws", shared, parts)).toEqual(own);
    const broken = pathToFileURL("/nowhere/worker.js");
    expect(await inWorkers("draws", shared, parts.slice(0, 1), { file: broken })).toEqual(own.slice(0, 1));
  });

  it("passes on what a thread throws", async () => {
    const other = { ...shared, plan: { ...plan, devices: [] } };
    await expect(inWorkers("draws", other, parts, { workers: 2, file })).rejects.toThrow();
  });
});
