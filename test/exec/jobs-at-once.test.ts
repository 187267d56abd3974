import { expect, test } from "vitest";
import { createCostModel, type Dtype, UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import { jobsAtOnce } from "../../plan/memory/residents.ts";
import { simulate } from "../../sim/index.ts";
import { runMetrics } from "../../traces/index.ts";
import { adapterBytes, packsAsPlanned, runSmall, smallCase, TWO_JOBS } from "./small-run.ts";

/** Adapters of very different sizes, which take and give back each other's room. */
const GIVEN = smallCase([
  ...TWO_JOBS,
  { rank: 16, steps: 5, targets: [...UNFUSED_PROJECTIONS], dropout: 0.1 },
  { rank: 2, steps: 1, targets: ["v_proj"] },
  { rank: 7, steps: 4, optimizer: { maxGradNorm: 0.3 } },
  { rank: 5, steps: 2, targets: ["gate_proj"] },
]);

test.each([
  ["cpu:0", 1, "float32"],
  ["cpu:0", 2, "bfloat16"],
  ["cpu:0,cpu:1", 2, "float32"],
  ["cpu:0,cpu:1", 3, "bfloat16"],
] satisfies readonly (readonly [string, number, Dtype])[])(
  "on %s, at most %i jobs at once train the bytes that all at once train, in the memory that is planned, in %s",
  async (devices, limit, dtype) => {
    const all = await runSmall(GIVEN, { devices, groups: "unfused", dtype });
    const few = await runSmall(GIVEN, { devices, groups: "unfused", dtype, jobsAtOnce: limit });
    expect(jobsAtOnce(few.plan)).toBe(limit);
    expect(few.adapters.map(adapterBytes)).toEqual(all.adapters.map(adapterBytes));
    const ofJob = (result: typeof all, job: string) =>
      result.metrics.filter((row) => row.job === job).map(({ loss }) => loss);
    for (const { name } of GIVEN.jobs) expect(ofJob(few, name)).toEqual(ofJob(all, name));

    const planned = few.plan.memory.map(({ total }) => total);
    const peaks = (trace: typeof few.trace) =>
      runMetrics(few.plan, trace).devices.map((device) => device.peakMemoryBytes);
    const costModel = createCostModel(few.plan.calibration, dtype);
    expect(peaks(simulate({ plan: few.plan, planHash: few.plan.hash, costModel }))).toEqual(planned);
    few.statistics.forEach(({ memory }, stage) => {
      const { adapters, optimizer } = few.plan.memory[stage]!;
      expect(memory.adaptersBytes).toBeLessThanOrEqual(adapters + optimizer);
      expect(adapters + optimizer).toBeLessThan(all.plan.memory[stage]!.adapters + all.plan.memory[stage]!.optimizer);
    });
    if (!packsAsPlanned(dtype)) return;
    expect(few.statistics.map(({ memory }) => memory.peakBytes)).toEqual(planned);
    expect(peaks(few.trace)).toEqual(planned);
  },
);
