import { describe, expect, it } from "vitest";
import { type CalibrationRange, calibrationPlans, rangeOfPlan } from "../../calibration/index.ts";
import { clusterFromList } from "../../plan/cluster/listed-devices.ts";
import { resolveDevices, resolveLinks } from "../../plan/cluster/resolve-cluster.ts";
import { type AdapterSpec, jobSegments } from "../../plan/index.ts";
import { planSmall, SMALL, smallCase } from "../exec/small-run.ts";

const CATALOG = { kind: "catalog", version: 1, devices: { cpu: { kind: "cpu" } }, links: {} } as const;

function rangeOver(list: string, numGroups: number): CalibrationRange {
  const cluster = clusterFromList(list);
  const devices = resolveDevices(cluster, CATALOG, {
    memoryBytes: 8 * 2 ** 30,
    cores: () => 2,
    cuda: () => ({ devices: [], reason: "" }),
  });
  const adapters = [4, 16, 8].map(
    (rank): AdapterSpec => ({ rank, alpha: 8, dropout: 0, targets: ["q_proj", "v_proj"] }),
  );
  return {
    architecture: SMALL,
    dtype: "float32",
    recompute: "none",
    devices,
    links: resolveLinks(cluster, devices, CATALOG),
    adapters,
    numGroups,
    tokens: [24, 96],
    sequence: [8, 16],
    scored: [0.5, 1],
  };
}

describe("calibrationPlans", () => {
  it("trains as many groups as there are devices, so that all of them work at once", () => {
    for (const plan of calibrationPlans(rangeOver("cpu:0,cpu:1", 1))) expect(plan.groups).toHaveLength(2);
    for (const plan of calibrationPlans(rangeOver("cpu:0", 1))) expect(plan.groups).toHaveLength(1);
    for (const plan of calibrationPlans(rangeOver("cpu:0,cpu:1", 3))) expect(plan.groups).toHaveLength(3);
  });

  it("measures micro-batches of all adapters of a group, and of one", () => {
    const plans = calibrationPlans(rangeOver("cpu:0,cpu:1", 1));
    const numbers = new Set(plans.flatMap(({ microBatches }) => microBatches.map((each) => jobSegments(each).length)));
    expect([...numbers].sort()).toEqual([1, 3]);
  });

  it("reaches both ends of the tokens of a micro-batch within a quarter", () => {
    const plans = calibrationPlans(rangeOver("cpu:0,cpu:1", 1));
    const tokens = plans.map(({ microBatches }) => microBatches[0]!.rows.reduce((total, row) => total + row[2], 0));
    expect(Math.min(...tokens)).toBeLessThanOrEqual(24 * 1.25);
    expect(Math.max(...tokens)).toBeGreaterThanOrEqual(96 * 0.75);
    expect(Math.max(...tokens)).toBeLessThanOrEqual(96 * 1.25);
  });
});

describe("rangeOfPlan", () => {
  it("goes from what one job has alone to what all share, without a gap that a fit would have to guess in", () => {
    const jobs = Array.from({ length: 48 }, () => ({ length: 30, spread: 1, microBatchSize: 2 }));
    const plan = planSmall(smallCase(jobs), { devices: "cpu:0", groups: 1 });
    const { tokens } = rangeOfPlan(plan);
    expect(tokens[0]).toBe(60);
    expect(tokens.at(-1)).toBe(48 * 60);
    const ratios = tokens.slice(1).map((size, index) => size / tokens[index]!);
    expect(Math.max(...ratios)).toBeLessThanOrEqual(4.1);
    expect(Math.min(...ratios)).toBeGreaterThan(1);
  });
});
