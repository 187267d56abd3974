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
} from "../../plan/index.ts";

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
    shape: { architecture, stage, jobs: [], targets: new Set(), dtype: "bfloat16" },
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
  expect(calibration.meanError).toBeLessThan(0.06);
});

test("an 8B layer of 4096 tokens in rows of 512 on an H100 takes about the published 4.2 ms forward", () => {
  expect(layerSeconds("H100 SXM", "F", 4096)).toBeGreaterThan(0.0039);
  expect(layerSeconds("H100 SXM", "F", 4096)).toBeLessThan(0.0045);
});

test("a device without efficiencies gets the reference's, and a larger error", () => {
  const calibration = deviceCalibration(CATALOG, "L40S", "bfloat16");
  expect(calibration.source).toBe("transferred to L40S, bfloat16, from H100 SXM, bfloat16");
  expect(calibration.meanError).toBeGreaterThanOrEqual(0.25);
  expect(() => deviceCalibration(CATALOG, "RTX 6090", "bfloat16")).toThrow(/a device of the catalog/);
});

test("GPUs of one type get that type's calibration, others the reference's shares of their own peaks with the guessed error", () => {
  const ofH100 = deviceCalibration(CATALOG, "H100 SXM", "bfloat16");
  expect(gpuCalibration(CATALOG, [device("H100 SXM"), device("H100 SXM")], "bfloat16")).toEqual(ofH100);
  expect(gpuCalibration(CATALOG, [device("H100 SXM"), device("L40S")], "bfloat16")).toEqual({
    ...ofH100,
    source: "transferred to H100 SXM and L40S, bfloat16, from H100 SXM, bfloat16",
    meanError: 0.25,
  });
  const custom = { ...device("L40S"), type: "custom" };
  expect(gpuCalibration(CATALOG, [custom], "bfloat16")).toEqual({
    ...ofH100,
    source: "transferred to GPUs with figures of their own, bfloat16, from H100 SXM, bfloat16",
    meanError: 0.25,
  });
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
