import { describe, expect, it } from "vitest";
import { lengthRows } from "../../plan/actions/job-rows.ts";
import { architectureFromConfig, huggingFaceConfigSchema } from "../../plan/documents/model-config.ts";
import { PRESETS } from "../../plan/documents/presets.ts";
import {
  type Calibration,
  constantCalibration,
  createCostModel,
  edgeDtypes,
  makePlan,
  type PlanBody,
  type ResolvedDevice,
  workShapes,
} from "../../plan/index.ts";
import { simulate } from "../../sim/index.ts";
import { unitPlan } from "./unit-plan.ts";

const ROOFLINE: Calibration = {
  kind: "calibration",
  version: 1,
  model: "roofline",
  computeEfficiency: 0.5,
  memoryEfficiency: 0.6,
  launchSeconds: 1e-5,
  transferEfficiency: 0.8,
  transferLatencySeconds: 1e-5,
};

const LAYERS: Calibration = {
  kind: "calibration",
  version: 1,
  model: "layers",
  source: "made up",
  meanError: 0,
  computeEfficiency: 0.5,
  activationBytes: 16,
  scoreBytes: 0,
  headBytes: 58,
  launchSeconds: 1e-4,
  transferEfficiency: 1,
  transferLatencySeconds: 1e-5,
};

/** Eight stages on devices of two speeds; rows of different lengths, so that most micro-batches differ. */
function mixedPlan(calibration: Calibration): PlanBody {
  const base = unitPlan({ numDevices: 8, numJobs: 3, parts: 2, steps: 3, lengths: [16, 40, 7, 25, 33] });
  const devices = base.devices.map(
    (device, index): ResolvedDevice => ({
      ...device,
      peakFlopsPerSecond: { float32: index === 2 ? 1e13 : 2e13 },
      memoryBytesPerSecond: 1e12,
    }),
  );
  const jobs = base.jobs.map((job) => ({ ...job, arrivalSeconds: 0 }));
  return makePlan({
    architecture: architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-7b"])),
    dtype: "float32",
    modelDigest: null,
    recompute: "layer",
    jobs,
    rows: jobs.map((job) => lengthRows(job, { lengths: [16, 40, 7, 25, 33], samples: 64 })),
    devices,
    links: base.links.map((link) => link!),
    calibration,
    schedule: "lorapp",
    maxInFlight: "auto",
    groups: "auto",
  });
}

describe("kinds of work", () => {
  it.each([
    ["constant", constantCalibration({ perTokens: 16 })],
    ["roofline", ROOFLINE],
    ["layers", LAYERS],
  ] as const)("of a %s calibration give the times that asking for every stage gives", (_, calibration) => {
    const plan = mixedPlan(calibration);
    const costModel = createCostModel(calibration, "float32");
    const { actionSeconds, linkCost } = costModel;
    const options = { plan, planHash: "p" };
    const kinds = new Set(
      plan.stages.map((stage) =>
        costModel.sameCosts!(stage, plan.devices[stage.device]!, edgeDtypes(plan, stage.index)),
      ),
    );
    expect(kinds.size).toBeLessThan(plan.stages.length);
    expect(simulate({ ...options, costModel }).events).toEqual(
      simulate({ ...options, costModel: { actionSeconds, linkCost } }).events,
    );
  });

  it("are as many as there are different rows, whichever rows of the data they are", () => {
    const plan = unitPlan({ numDevices: 2, numJobs: 2, parts: 1, steps: 6, lengths: [16, 40], groups: "unfused" });
    const { rows, updates } = workShapes(plan);
    expect(plan.microBatches).toHaveLength(12);
    expect(rows.count).toBe(4);
    expect(updates.count).toBe(2);
  });
});
