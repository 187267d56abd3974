import { describe, expect, test } from "vitest";
import { type UnlikeCase, unlikeRequest } from "../../bench/unlike-cases.ts";
import { CATALOG, jobDefaults, makePlan, type PlanRequest, UNFUSED_PROJECTIONS } from "../../plan/index.ts";

/** So many equal jobs on so many A100s. */
function equalJobs(numJobs: number, numDevices: number, model: UnlikeCase["model"] = "tinyllama-1.1b"): PlanRequest {
  const jobs = Array.from({ length: numJobs }, (_, index) => ({
    ...jobDefaults(),
    name: `job${index}`,
    adapter: { rank: 16, alpha: 16, dropout: 0, targets: [...UNFUSED_PROJECTIONS] },
    data: { lengths: 256, samples: 16 },
    cutoffLength: 512,
    batchSize: 4,
    steps: 2,
    seed: index,
  }));
  const device = "A100 SXM 80";
  const cluster = { device, numDevices, link: "nvlink3", memoryShare: 1, costs: "assumed" } as const;
  return unlikeRequest({ model, dtype: "bfloat16", jobs, ...cluster }, CATALOG);
}

describe("numbers of groups and pipelines", () => {
  test("groups that were asked for leave out the divisions in which a pipeline has fewer jobs", () => {
    for (const groups of [2, 3, 6]) {
      const plan = makePlan({ ...equalJobs(6, 4), groups });
      for (const [pipeline] of plan.pipelines.entries())
        expect(plan.groups.filter((group) => group.pipeline === pipeline)).toHaveLength(groups);
    }
  });

  test("more groups than a pipeline has jobs are refused where no division is left, with what they count", () => {
    expect(() => makePlan({ ...equalJobs(6, 4), groups: 7 })).toThrow(
      "Expected at most as many groups as a pipeline has jobs (6) at --groups, got 7.\nHint: Each pipeline has so many groups of its own",
    );
    expect(() => makePlan({ ...equalJobs(6, 4), groups: 2, pipelines: 4 })).toThrow("a pipeline has jobs (1)");
  });

  test("more devices in a chain than the model has layers leave out that number of pipelines", {
    tags: ["slow"],
  }, () => {
    const request = equalJobs(8, 24);
    expect(request.architecture.numLayers).toBe(22);
    expect(makePlan(request).pipelines.length).toBeGreaterThan(1);
    expect(() => makePlan({ ...request, pipelines: 1 })).toThrow(
      "Expected at most 22 devices for a model of 22 layers at devices, got 24.\nHint: Each stage holds at least one layer: use fewer devices, or more pipelines",
    );
    expect(() => makePlan(equalJobs(1, 24))).toThrow("at most 22 devices");
  });

  test("devices may be divided into pipelines of unequal length", () => {
    expect(makePlan({ ...equalJobs(3, 4) }).jobs).toHaveLength(3);
    expect(makePlan({ ...equalJobs(3, 4), pipelines: 3 }).pipelines).toHaveLength(3);
  });
});
