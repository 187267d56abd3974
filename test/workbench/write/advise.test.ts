import { describe, expect, it } from "vitest";
import { architectureFromConfig, huggingFaceConfigSchema, PRESETS } from "../../../plan/index.ts";
import {
  adviseBatch,
  adviseCutoff,
  adviseDtype,
  adviseEpochs,
  adviseEvaluation,
  adviseRate,
  modelParameters,
  parametersText,
} from "../../../workbench/write/advise.ts";

const LLAMA = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-7b"]));
const facts = (numRows: number, p95 = 100, max = 200, numCut = 0) => ({
  numRows,
  lengths: { p50: 50, p95, max },
  numCut,
});
const GIB = 2 ** 30;
const cpu = (memoryBytes: number) => [{ kind: "cpu" as const, memoryBytes }];
const gpu = (memoryBytes: number) => [{ kind: "cuda" as const, memoryBytes }];

describe("advice", () => {
  it("counts the parameters of a published model", () => {
    // Source: meta-llama/Llama-2-7b, 6 738 415 616.
    expect(modelParameters(LLAMA)).toBe(6_738_415_616);
    expect(parametersText(6_738_415_616)).toBe("6.74 billion");
    expect(adviseRate(LLAMA, 7e9).value).toBe(2e-4);
    expect(adviseRate(LLAMA, 65e9).value).toBe(1e-4);
  });

  it.each([
    ["small, on a CPU", 1e8, cpu(16 * GIB), "BF16", "float32"],
    ["of 7 billion in bfloat16, on a CPU", 7e9, cpu(64 * GIB), "BF16", "bfloat16"],
    ["of 7 billion in float32, on a CPU", 7e9, cpu(64 * GIB), "F32", "float32"],
    ["of 7 billion on a GPU of 24 GiB", 7e9, gpu(24 * GIB), "BF16", "bfloat16"],
    ["of 7 billion on a GPU of 12 GiB", 7e9, gpu(12 * GIB), "BF16", "nf4"],
    ["on devices of unknown memory", 7e10, [{ kind: "abstract" as const, memoryBytes: null }], "BF16", "bfloat16"],
  ])("keeps a model %s as it fits", (_, parameters, devices, stored, dtype) => {
    expect(adviseDtype(parameters, devices, stored).value).toBe(dtype);
  });

  it.each([
    [1, 1, 3],
    [100, 4, 3],
    [399, 8, 3],
    [400, 16, 3],
    [10_000, 16, 2],
    [200_000, 16, 1],
  ])("of %i rows takes %i a step, and %i epochs", (numRows, batch, epochs) => {
    expect(adviseBatch(facts(numRows)).value).toBe(batch);
    expect(adviseEpochs(facts(numRows), undefined, true).value).toBe(epochs);
  });

  it("holds rows out where some can be spared", () => {
    expect(adviseEvaluation(facts(19))).toBeUndefined();
    expect(adviseEvaluation(facts(20))?.share.value).toBe(0.1);
    expect(adviseEvaluation(facts(100_000))?.maxRows?.value).toBe(200);
  });

  it.each([
    ["all rows", facts(10, 100, 200), 208],
    ["all rows, as long as the model takes", facts(10, 3000, 4096, 2), 4096],
    ["all but outliers", facts(1000, 100, 4096, 2), 2048],
    ["all but outliers of long rows", facts(1000, 800, 4000), 3200],
  ])("cuts off so that it keeps %s", (_, rows, cutoff) => {
    expect(adviseCutoff(rows, LLAMA).value).toBe(cutoff);
  });
});
