import { describe, expect, test } from "vitest";
import { lengthRows } from "../../plan/actions/job-rows.ts";
import { targetsOf } from "../../plan/costs/stage-shapes.ts";
import type { LengthData } from "../../plan/documents/data.ts";
import { architectureFromConfig, huggingFaceConfigSchema } from "../../plan/documents/model-config.ts";
import { PRESETS } from "../../plan/documents/presets.ts";
import { JOB_DEFAULTS, jobSchema } from "../../plan/documents/workload.ts";
import {
  type Calibration,
  constantCalibration,
  createCostModel,
  loraGroup,
  type OperatorCall,
  type PlanBody,
  type Recompute,
  roomOf,
  stageOperators,
} from "../../plan/index.ts";
import { stageLayout } from "../../plan/memory/stage-layout.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { SIX_LAYERS as architecture, BASE, ONE_ROW as microBatch } from "./six-layers.ts";

const stage = { ...BASE.stages[0]!, embedding: false, head: false, endLayer: 6 };
const jobs = [
  { ...BASE.jobs[0]!, adapter: { rank: 8, alpha: 8, dropout: 0, targets: ["q_proj" as const, "down_proj" as const] } },
];
/** The stage with as many layers recomputed as a mode says. */
const stageOf = (recompute: Recompute) => ({ ...stage, recomputedLayers: recompute === "layer" ? 6 : 0 });
const shapeOf = (recompute: Recompute) => ({
  architecture,
  stage: stageOf(recompute),
  jobs,
  targets: targetsOf(jobs),
  dtype: "float32" as const,
});

function callsOf(recompute: Recompute, letter: "F" | "B"): readonly OperatorCall[] {
  return stageOperators(shapeOf(recompute), letter, microBatch);
}

function planned(recompute: Recompute, memoryBytes: number | null): PlanBody {
  const own = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["tinyllama-1.1b"]));
  const job = jobSchema.parse({
    ...JOB_DEFAULTS,
    name: "job",
    data: { lengths: 512, samples: 8 },
    batchSize: 8,
    microBatchSize: 1,
    steps: 1,
  });
  return makePlan({
    architecture: own,
    dtype: "float32",
    modelDigest: null,
    recompute,
    jobs: [job],
    rows: [lengthRows(job, job.data as LengthData)],
    devices: [{ ...BASE.devices[0]!, memoryBytes }],
    links: [],
    calibration: constantCalibration(),
    schedule: "gpipe",
    maxInFlight: "auto",
    groups: "auto",
  });
}

describe("recomputation of layers", () => {
  test("is what a plan that does not fit is advised to use, if it fits with it", () => {
    const [kept, recomputed] = (["none", "layer"] as const).map((mode) => planned(mode, null).memory[0]!.total);
    expect(recomputed).toBeLessThan(kept! / 1.5);
    const enough = Math.round((kept! + recomputed!) / 2);
    expect(planned("layer", enough).memory[0]!.total).toBe(recomputed);
    expect(() => planned("none", enough)).toThrow(
      "With layers recomputed (--recompute auto, or `recompute: auto`) it fits.",
    );
    expect(planned("auto", enough).memory[0]!.total).toBeLessThanOrEqual(enough);
    expect(() => planned("none", recomputed! - 1)).toThrow(/^(?!.*recompute)/s);
    expect(() => planned("layer", recomputed! - 1)).toThrow(/^(?!.*recompute)/s);
  });

  test("leaves the forward's operators as they are and adds those of its layers to the backward", () => {
    expect(callsOf("layer", "F")).toEqual(callsOf("none", "F"));
    const kept = callsOf("none", "B");
    const again = callsOf("layer", "B").filter((call) => !kept.some(({ name }) => name === call.name));
    const norm = kept.find(({ name }) => name === "rmsnorm-again:B")!;
    expect(norm.calls).toBe(6);
    expect(again.map(({ name, calls, projections }) => [name, calls, projections])).toEqual([
      ["matmul:64x128:F", 6, undefined],
      ["matmul:64x64:F", 6, undefined],
      ["matmul:64x344:F", 6, undefined],
      ["rope:F", 6, undefined],
      ["attention:F", 6, undefined],
      ["lora:F", 6, loraGroup("q_proj")],
      ["rmsnorm:F", 12, undefined],
      ["swiglu:F", 6, undefined],
    ]);
    // Without the norms and the SwiGLU that are computed again where layers are kept.
    expect(callsOf("layer", "B")).toHaveLength(kept.length - 2 + again.length);
  });

  test("of some layers is in the backward's operators as often as there are such layers", () => {
    const calls = (recomputedLayers: number): ReadonlyMap<string, number> => {
      const counts = new Map<string, number>();
      const shape = { ...shapeOf("none"), stage: { ...stage, recomputedLayers } };
      for (const { name, projections, calls: own, features } of stageOperators(shape, "B", microBatch)) {
        const key = `${name} ${projections?.join() ?? ""} ${features["cold"] ?? 0}`;
        counts.set(key, (counts.get(key) ?? 0) + own);
      }
      return counts;
    };
    const [none, two, all] = [calls(0), calls(2), calls(6)];
    for (const name of new Set([...none.keys(), ...two.keys(), ...all.keys()]))
      expect([name, two.get(name) ?? 0]).toEqual([name, (4 * (none.get(name) ?? 0) + 2 * (all.get(name) ?? 0)) / 6]);
  });

  test("costs in the backward what these operators cost, with a calibration that has seen no recomputation", () => {
    const names = [...new Set([...callsOf("none", "F"), ...callsOf("none", "B")].map(({ name }) => name))];
    const seconds = ({ name }: OperatorCall): number => 1e-6 * (names.indexOf(name) + 1);
    const calibration: Calibration = {
      kind: "calibration",
      version: 1,
      model: "measured",
      device: { type: "unit", description: "", threads: 1, devicesAtOnce: 1 },
      date: "2026-01-01",
      dtype: "float32",
      link: { latencySeconds: 0, secondsPerByte: 0 },
      actionSeconds: { F: 0, B: 0, U: 0 },
      holdOut: { points: 0, meanAbsError: 0, p90AbsError: 0 },
      samplesHash: "",
      operators: names.map((operator, i) => ({
        operator,
        coefficients: { one: 1e-6 * (i + 1) },
        samples: 1,
        meanAbsError: 0,
        residualSpread: 0,
      })),
    };
    const model = createCostModel(calibration, "float32");
    const cost = (recompute: Recompute): number =>
      model.actionSeconds({
        letter: "B",
        device: BASE.devices[0]!,
        shape: shapeOf(recompute),
        microBatch,
        updatedJobs: [],
      });
    const forward = callsOf("none", "F").filter(
      ({ name, projections }) => !/copy|172x64/.test(name) && !projections?.includes("down_proj"),
    );
    const instead = callsOf("none", "B").filter(({ name }) => name.endsWith("-again:B"));
    const total = (calls: readonly OperatorCall[]): number =>
      calls.reduce((sum, call) => sum + call.calls * seconds(call), 0);
    const added = total(forward) - total(instead);
    expect((cost("layer") - cost("none")) / added).toBeCloseTo(1, 9);
  });

  test("keeps of each layer its input and down_proj's small product", () => {
    const layoutOf = (own: typeof stage) =>
      stageLayout({
        architecture,
        stage: own,
        room: roomOf(architecture, jobs, { maxTokens: 96, maxSequence: 96 }),
        dtype: "float32",
        kind: "cpu",
        threads: 1,
      });
    const layout = (recompute: Recompute) => layoutOf(stageOf(recompute));
    // A unit has 16 rows, so that 96 rows are as many units as there are layers.
    expect(layout("layer").unitBytes).toBe(6 * 16 * (64 + 8) * 4);
    expect(layout("layer").unitBytes).toBeLessThan(layout("none").unitBytes / 8);
    const some = layoutOf({ ...stage, recomputedLayers: 2 });
    expect(6 * some.unitBytes).toBe(4 * layout("none").unitBytes + 2 * layout("layer").unitBytes);
    expect(some.workBytes).toBe(layout("layer").workBytes);
    // One layer's tensors, a second normed input: no more.
    const oneLayer = layout("none").unitBytes - 96 * (64 + 8) * 4;
    expect(layout("layer").workBytes - layout("none").workBytes).toBe(oneLayer + 96 * 64 * 4);
  });
});
