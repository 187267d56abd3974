import { expect, test } from "vitest";
import {
  architectureFromConfig,
  CATALOG,
  calibrationSchema,
  catalogSchema,
  createCostModel,
  deviceCalibration,
  gpuCalibration,
  huggingFaceConfigSchema,
  PRESETS,
  UNFUSED_PROJECTIONS,
} from "../../plan/index.ts";
import { unitPlan } from "./unit-plan.ts";

const ADAPTER = { rank: 16, alpha: 16, dropout: 0, targets: [...UNFUSED_PROJECTIONS] };

function device(type: string) {
  const { float32FlopsPerSecond, bfloat16FlopsPerSecond, memoryBytes, memoryBytesPerSecond } = CATALOG.devices[type]!;
  return {
    name: "g0",
    machine: "m",
    kind: "cuda" as const,
    type,
    threads: 1,
    memoryBytes: memoryBytes!.value,
    peakFlopsPerSecond: { float32: float32FlopsPerSecond!.value, bfloat16: bfloat16FlopsPerSecond!.value },
    memoryBytesPerSecond: memoryBytesPerSecond!.value,
  };
}

const JOB = { ...unitPlan({ numDevices: 1, numJobs: 1, parts: 1, steps: 1 }).jobs[0]!, adapter: ADAPTER };

/** Seconds of one forward or backward of one 8B layer without embedding and head. */
function layerSeconds(type: string, letter: "F" | "B", tokens: number, recompute: "none" | "layer" = "none"): number {
  const architecture = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-3-8b"]!));
  const stage = {
    index: 0,
    device: 0,
    firstLayer: 3,
    endLayer: 4,
    embedding: false,
    head: false,
    recomputedLayers: recompute === "layer" ? 1 : 0,
  };
  return createCostModel(deviceCalibration(CATALOG, type, "bfloat16"), "bfloat16").actionSeconds({
    letter,
    device: device(type),
    shape: { architecture, stage, jobs: [JOB], targets: new Set(UNFUSED_PROJECTIONS), dtype: "bfloat16" },
    microBatch: {
      rows: Array.from({ length: Math.ceil(tokens / 512) }, (_, row) => [
        0,
        row,
        Math.min(512, tokens - row * 512),
        512,
      ]),
    },
    updatedJobs: [],
  });
}

test("a device's own efficiencies become a calibration that reads back", () => {
  const calibration = deviceCalibration(CATALOG, "H100 SXM", "bfloat16");
  expect(calibrationSchema.parse(calibration)).toEqual(calibration);
  expect(calibration.meanError).toBeLessThanOrEqual(0.06);
});

test("an 8B layer of 4096 tokens in rows of 512 on an H100 takes about the published 4.2 ms forward", () => {
  expect(layerSeconds("H100 SXM", "F", 4096)).toBeGreaterThan(0.0039);
  expect(layerSeconds("H100 SXM", "F", 4096)).toBeLessThan(0.0045);
});

test("a device whose kernels were timed has those, others what is known of their generation or of all, less surely", () => {
  const of = (name: string) => deviceCalibration(CATALOG, name, "bfloat16");
  const [measured, related, unknown] = [of("L40S"), of("L4"), of("A10")];
  expect(measured.source).toBe("kernels timed on L40S; LoRA layers timed on H100 SXM");
  expect(related.source).toBe("kernels of L4 as timed on L40S; LoRA layers timed on H100 SXM");
  expect(unknown.source).toBe("kernels of A10 as on GPUs that were timed; LoRA layers timed on H100 SXM");
  expect([measured, related, unknown].map(({ meanError }) => Number(meanError.toFixed(2)))).toEqual([0.08, 0.12, 0.19]);
  expect(Object.values(related.kernels!)[0]!.products.multiprocessors).toBe(58);
  expect(() => of("RTX 6090")).toThrow(/a device of the catalog/);
});

test("GPUs of several types have the kernels of each, and are as sure as the least known of them", () => {
  const ofH100 = deviceCalibration(CATALOG, "H100 SXM", "bfloat16");
  expect(gpuCalibration(CATALOG, [device("H100 SXM"), device("H100 SXM")], "bfloat16")).toEqual(ofH100);
  const { kernels: ofL40S } = deviceCalibration(CATALOG, "L40S", "bfloat16");
  const both = gpuCalibration(CATALOG, [device("H100 SXM"), device("L40S")], "bfloat16")!;
  expect(both.kernels).toEqual({ ...ofH100.kernels, ...ofL40S });
  expect(both.source).toBe("kernels timed on H100 SXM, kernels timed on L40S; LoRA layers timed on H100 SXM");
  const custom = gpuCalibration(CATALOG, [{ ...device("L40S"), type: "custom" }], "bfloat16")!;
  expect(custom.source).toMatch(/^kernels of GPUs with figures of their own as on GPUs that were timed;/);
  expect(custom.meanError).toBeGreaterThan(0.18);
});

test("in float32 all GPUs reach a share of the peak, which is a guess", () => {
  const calibration = deviceCalibration(CATALOG, "L40S", "float32");
  expect(calibration).toMatchObject({ computeEfficiency: 0.664, meanError: 0.25 });
  expect(calibration.kernels).toBeUndefined();
});

test("a slower card is not predicted faster: L40S, A100, H100, B200 for rows of any length", () => {
  for (const tokens of [512, 4096]) {
    const seconds = ["L40S", "A100 SXM 80", "H100 SXM", "B200 SXM"].map((type) => layerSeconds(type, "F", tokens));
    expect(seconds).toEqual([...seconds].sort((a, b) => b - a));
  }
});

test("no calibration stands for CPUs, abstract devices or GPUs without peaks, nor for GPUs beside one of them", () => {
  const known = device("L40S");
  for (const other of [
    { ...known, kind: "cpu" as const },
    { ...known, kind: "abstract" as const },
    { ...known, peakFlopsPerSecond: null },
    { ...known, memoryBytesPerSecond: null },
  ])
    expect(gpuCalibration(CATALOG, [known, other], "bfloat16")).toBeUndefined();
});

test("recomputation adds a forward to a backward, and more tokens cost more", () => {
  const forward = layerSeconds("H100 SXM", "F", 1024);
  expect(layerSeconds("H100 SXM", "B", 1024, "layer")).toBeCloseTo(layerSeconds("H100 SXM", "B", 1024) + forward, 9);
  expect(layerSeconds("H100 SXM", "F", 1025)).toBeGreaterThan(forward);
});

test("our catalog is a catalog, each figure with a source and a date", () => {
  expect(catalogSchema.parse(CATALOG)).toEqual(CATALOG);
});
