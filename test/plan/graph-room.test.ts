import { describe, expect, test } from "vitest";
import { lengthRows } from "../../plan/actions/job-rows.ts";
import type { LengthData } from "../../plan/documents/data.ts";
import { architectureFromConfig, huggingFaceConfigSchema } from "../../plan/documents/model-config.ts";
import { PRESETS } from "../../plan/documents/presets.ts";
import { JOB_DEFAULTS, jobSchema } from "../../plan/documents/workload.ts";
import { constantCalibration, createCostModel, EXECUTOR, type PlanBody, type PlanRequest } from "../../plan/index.ts";
import { withoutPruning } from "../../plan/memory/graph-pruning.ts";
import { launchesOf } from "../../plan/memory/graph-room.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { BASE } from "./six-layers.ts";

/** So many micro-batches of one row, all in flight at once. */
function planned(memoryBytes: number | null, inFlight = 1, numGpus = 1, more: Partial<PlanRequest> = {}): PlanBody {
  const job = jobSchema.parse({
    ...JOB_DEFAULTS,
    name: "job",
    data: { lengths: 512, samples: inFlight },
    batchSize: inFlight,
    microBatchSize: 1,
    steps: 1,
  });
  const gpu = { ...BASE.devices[0]!, kind: "cuda" as const, memoryBytes };
  const link = { id: "a-b", type: "unit", shared: false, bandwidthBytesPerSecond: null, latencySeconds: 0 };
  return makePlan({
    architecture: architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-7b"])),
    dtype: "bfloat16",
    modelDigest: null,
    recompute: "none",
    jobs: [job],
    rows: [lengthRows(job, job.data as LengthData)],
    devices: Array.from({ length: numGpus }, (_, index) => ({ ...gpu, name: `cuda:${index}` })),
    links: Array.from({ length: numGpus - 1 }, () => link),
    calibration: constantCalibration(),
    schedule: "gpipe",
    maxInFlight: "auto",
    groups: "auto",
    ...more,
  });
}

const neededBy = ({ memory }: PlanBody): number => memory[0]!.total;
const KIB = 1024;

describe("room for CUDA graphs", () => {
  const roomy = planned(null);
  const { F, B } = launchesOf(roomy, 0);
  const pair = (F + B) * 64 * KIB;

  test("counts the launches of a layer, its adapters and the ends", () => {
    // Of each layer 2 norms, 4 products, rotation, attention and SwiGLU, and 2 for the adapters on q and v.
    // The embedding, the last norm, and the loss's 8 around one tile of 512 rows.
    expect(F).toBe(32 * (2 + 4 + 3 + 2) + 1 + 1 + 8);
    // Of each layer 2 norms, 4 products, rotation, 3 of attention, SwiGLU; for q and v the norm again and 4. The first
    // has no gradient of its input: no norm, no product, and one less for the adapters. The last norm, and the sums of
    // squares.
    expect(B).toBe(32 * (2 + 4 + 1 + 3 + 1 + 1 + 4) - 3 + 1 + 2);
  });

  const WITHOUT_ROPE = Array.from({ length: 32 }, (_, layer) => layer % 4 === 3);
  const HEAD_NORM = { over: "head", weighted: true } as const;
  // Launches that a field adds, of 32 layers; recomputed norms of queries and keys are turned again too.
  test.each([
    ["norms of queries and keys", { headNorm: HEAD_NORM }, 32, 32 * (1 + 2)],
    ["such norms behind rope", { headNorm: { ...HEAD_NORM, afterRope: true as const } }, 32, 32 * (1 + 1)],
    ["norms on both sides", { norms: "both" as const }, 64, 64],
    // And the gradients of 63 halves' inputs are rounded by themselves.
    ["norms behind alone", { norms: "after" as const }, 64, 64 + 63],
    ["scaled outputs", { residualScale: 0.5 }, 64, 64],
    ["biases", { qkvBias: true, outputBias: true as const }, 64, 0],
    ["layers without rope", { ropeless: WITHOUT_ROPE }, -8, -8],
    ["a temperature in them", { ropeless: WITHOUT_ROPE, temperature: { scale: 0.1, floor: 8 } }, 0, 0],
    ["scales and caps", { attentionScale: 1, embeddingScale: 2, logitScale: 2, scoreCap: 50, logitCap: 30 }, 0, 0],
  ])("counts %s", (_, fields, forward, backward) => {
    const { architecture } = roomy.model;
    const launches = launchesOf(planned(null, 1, 1, { architecture: { ...architecture, ...fields } }), 0);
    expect({ F: launches.F - F, B: launches.B - B }).toEqual({ F: forward, B: backward });
  });

  test("is a pair for each micro-batch in flight, up to a bound", () => {
    const inFlight = (count: number) => planned(null, count).memory[0]!.graphs;
    expect(inFlight(1)).toBe(pair);
    expect(inFlight(3)).toBe(3 * pair);
    expect(inFlight(12)).toBe(Math.floor((512 * KIB * KIB) / pair) * pair);
  });

  test("is what the rest leaves, and no plan fails or changes for it", () => {
    const needed = neededBy(roomy);
    for (const [left, graphs] of [
      [0, undefined],
      [pair - 1, undefined],
      [pair, pair],
      [3 * pair, pair],
    ] as const) {
      const plan = planned(needed + left);
      expect(plan.memory[0]!.graphs).toBe(graphs);
      expect(plan.memory[0]!.total).toBe(needed);
      expect({ ...plan, devices: [], memory: [] }).toEqual({ ...roomy, devices: [], memory: [] });
    }
    expect(() => planned(needed - 1)).toThrow(/fits/);
  });

  test("is not in the way of a program without graph pruning", () => {
    const costs = createCostModel(constantCalibration(), "bfloat16");
    const unpruned = withoutPruning(planned(null, 2, 1, { program: EXECUTOR }), costs).plan.memory[0]!;
    expect(unpruned.total).toBeGreaterThan(neededBy(planned(null, 2)) + pair);
    const tight = planned(unpruned.total, 2);
    expect(tight.memory[0]!.graphs).toBeGreaterThanOrEqual(pair);
    expect(withoutPruning(tight, costs).plan.memory[0]).toEqual(unpruned);
  });

  test("is of each stage's own launches", () => {
    const plan = planned(null, 2, 2);
    const launches = plan.stages.map((_, stage) => launchesOf(plan, stage));
    expect(plan.memory.map(({ graphs }) => graphs)).toEqual(launches.map((own) => 2 * (own.F + own.B) * 64 * KIB));
    expect(launches[0]!.F).toBeLessThan(0.6 * F);
  });

  test("is nothing on other devices, or in other programs than the executor", () => {
    const cpu = { ...BASE.devices[0]!, memoryBytes: null };
    expect(planned(null, 1, 1, { devices: [cpu] }).memory[0]!.graphs).toBeUndefined();
    expect(planned(null, 1, 1, { program: EXECUTOR }).memory[0]!.graphs).toBeUndefined();
  });
});
