import { describe, expect, test } from "vitest";
import { quantizedMatrixBytes, quantizedScratchBytes } from "../../plan/costs/quantized-weights.ts";
import { targetsOf } from "../../plan/costs/stage-shapes.ts";
import { architectureFromConfig, huggingFaceConfigSchema } from "../../plan/documents/model-config.ts";
import { PRESETS } from "../../plan/documents/presets.ts";
import { type Calibration, createCostModel, type Dtype, type StageShape, stageOperators } from "../../plan/index.ts";
import { stageWeightBytes } from "../../plan/memory/memory-model.ts";
import { smallPlan } from "../sim/small-plan.ts";

const architecture = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-7b"]));
const base = smallPlan({ orders: ["F0 B0"], microBatches: [{ tokens: 1 }] });
const stage = { ...base.stages[0]!, embedding: false, head: false, firstLayer: 0, endLayer: 32 };

describe("weights of a layer's products", () => {
  test.each([
    ["int8", 8],
    // QLoRA, section 3: 0.127 bits of scales a parameter
    ["nf4", 4.127],
  ] as const)("of Llama-2-7B take in %s %d bits", (dtype, bits) => {
    const { hiddenSize: hidden, intermediateSize: inner } = architecture;
    const weights = 32 * (4 * hidden * hidden + 3 * hidden * inner);
    const norms = 32 * 2 * hidden * 4;
    const measured = ((stageWeightBytes(architecture, stage, dtype) - norms) * 8) / weights;
    expect(Math.abs(measured - bits)).toBeLessThan(0.01);
  });

  test("are kept once, whichever direction reads them, and embedding and head are not quantized", () => {
    const ends = { ...stage, embedding: true, head: true };
    const rest = (dtype: Dtype) =>
      stageWeightBytes(architecture, ends, dtype) - stageWeightBytes(architecture, stage, dtype);
    expect(rest("nf4")).toBe(rest("int8"));
    // In bfloat16 the first product lacks a backward's copy.
    const qkv = 4096 * 3 * 4096 * 2;
    expect(rest("nf4")).toBe(rest("bfloat16") + qkv);
  });

  test("have whole blocks in every row, and room for 64 to 256 dequantized columns", () => {
    expect(quantizedMatrixBytes(65, 10, "int8")).toBe(10 * 128 + 64);
    expect(quantizedMatrixBytes(65, 10, "nf4")).toBe(10 * 64 + 64 + 64);
    expect(quantizedScratchBytes(65, 10)).toBe(96 * 64 * 2);
    expect(quantizedScratchBytes(1024, 4096)).toBe(1024 * 256 * 2);
    expect(quantizedScratchBytes(2048, 4096)).toBe(2048 * 128 * 2);
    expect(quantizedScratchBytes(28672, 8192)).toBe(28672 * 64 * 2);
  });
});

describe("the time of dequantizing", () => {
  const shapeOf = (dtype: Dtype): StageShape => ({
    architecture,
    stage,
    jobs: base.jobs,
    targets: targetsOf(base.jobs),
    dtype,
  });
  const microBatch = { rows: [[0, 0, 512, 511] as [number, number, number, number]] };
  const device = {
    ...base.devices[0]!,
    peakFlopsPerSecond: { float32: 1e14, bfloat16: 1e15 },
    memoryBytesPerSecond: 1e12,
  };
  const secondsOf = (calibration: Calibration, dtype: Dtype, letter: "F" | "B"): number =>
    createCostModel(calibration, dtype).actionSeconds({
      letter,
      device,
      shape: shapeOf(dtype),
      microBatch,
      updatedJobs: [],
    });

  test("is in a roofline that of its bytes and a launch for each product", () => {
    const roofline: Calibration = {
      kind: "calibration",
      version: 1,
      model: "roofline",
      computeEfficiency: 1,
      memoryEfficiency: 0.5,
      launchSeconds: 1e-5,
      transferEfficiency: 1,
      transferLatencySeconds: 0,
    };
    for (const letter of ["F", "B"] as const) {
      const products = stageOperators(shapeOf("nf4"), letter, microBatch).filter(({ kind }) =>
        kind.startsWith("matmul"),
      );
      const weights = products.reduce((sum, { calls, features }) => sum + calls * features["weights"]!, 0);
      const launches = products.reduce((sum, { calls }) => sum + calls, 0);
      for (const [dtype, bytes] of [
        ["int8", 1 + 2],
        ["nf4", 0.5 + 0.127 / 8 + 2],
      ] as const) {
        const added = secondsOf(roofline, dtype, letter) - secondsOf(roofline, "bfloat16", letter);
        expect(added).toBeCloseTo((weights * bytes) / 0.5e12 + launches * 1e-5, 9);
      }
    }
  });
});
