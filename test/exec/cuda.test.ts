import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { ExecuteResult } from "../../exec/index.ts";
import { build, buildTargets } from "../native/cuda-table.ts";
import { HAS_SHARED } from "../shared-folder.ts";
import { type CaseRun, planCase, readOracleCase, relativeDistance, runCase } from "./oracle-case.ts";
import { dequantizedModel } from "./quantized-model.ts";
import { adapterBytes, runSmall, SMALL, smallCase } from "./small-run.ts";

beforeAll(async () => {
  await buildTargets("loratwin_emulated");
  process.env["LORATWIN_ADDON"] = join(build, "loratwin_emulated.node");
}, 600_000);

const RUNS: readonly CaseRun[] = [
  { devices: "cuda:0", groups: 1 },
  { devices: "cuda:0,cuda:1", groups: "unfused" },
];

describe.skipIf(!HAS_SHARED)("the PyTorch reference case on emulated GPUs", () => {
  test.each(RUNS)(
    "gives the reference's losses, gradient norms and adapters on $devices, groups $groups",
    async (run) => {
      const oracle = readOracleCase();
      const result = await runCase(oracle, planCase(oracle, run));
      oracle.jobs.forEach((job, i) => {
        const { history, adapter } = oracle.expected[i]!;
        const steps = result.metrics.filter((row) => row.job === job.name);
        expect(steps.length).toBe(history.length);
        steps.forEach((row, step) => {
          expect(Math.abs(row.loss / history[step]!.loss - 1)).toBeLessThan(1e-4);
          expect(Math.abs(row.gradNorm / history[step]!.grad_norm - 1)).toBeLessThan(1e-3);
          expect(row.tokens).toBe(history[step]!.tokens);
        });
        expect(relativeDistance(result.adapters[i]!, adapter)).toBeLessThan(1e-3);
      });
      const again = await runCase(oracle, planCase(oracle, run));
      expect(again.adapters.map(adapterBytes)).toEqual(result.adapters.map(adapterBytes));
    },
    300_000,
  );
});

describe.each(["int8", "nf4"] as const)("a model in %s on emulated GPUs", (dtype) => {
  const broken = smallCase(
    [
      { rank: 8, targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] },
      { rank: 3, targets: ["v_proj", "down_proj"] },
    ],
    // Widths of whole and of broken blocks.
    { ...SMALL, hiddenSize: 64, headDim: 16, intermediateSize: 104, qkvBias: true },
  );
  // Gate and up are 8200 columns, of which 8192 are dequantized at once.
  const wide = smallCase([{ rank: 2, steps: 1, batchSize: 1, microBatchSize: 1, length: 5 }], {
    ...SMALL,
    numLayers: 2,
    intermediateSize: 4100,
  });
  const lossesOf = (result: ExecuteResult): readonly number[] => result.metrics.map(({ loss }) => loss);

  test.each([
    ["cuda:0", "broken blocks", broken],
    ["cuda:0,cuda:1", "broken blocks", broken],
    ["cuda:0", "more columns than one part", wide],
  ] as const)(
    "trains what bfloat16 does on the weights that the format keeps, on %s: %s",
    async (devices, _, small) => {
      const quantized = await runSmall(small, { devices, groups: 1, dtype });
      const model = dequantizedModel(small.model, dtype);
      const kept = await runSmall({ ...small, model }, { devices, groups: 1, dtype: "bfloat16" });
      expect(lossesOf(quantized)).toEqual(lossesOf(kept));
      expect(quantized.adapters.map(adapterBytes)).toEqual(kept.adapters.map(adapterBytes));
      quantized.plan.memory.forEach((planned, stage) => {
        const { memory } = quantized.statistics[stage]!;
        expect(planned.weights).toBe(memory.weightsBytes);
        expect(planned.activations + planned.buffers + planned.workspace).toBe(memory.arenaBytes + memory.otherBytes);
      });
    },
    300_000,
  );
});
