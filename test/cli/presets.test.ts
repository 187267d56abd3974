// @module-tag slow
import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { modelTensors } from "../../exec/model-tensors.ts";
import { architectureFromConfig, huggingFaceConfigSchema, PRESETS } from "../../plan/index.ts";
import { printed, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();

/** bfloat16, with room for the rest on a GPU of 80 GiB. */
const MOST_ON_ONE = 35e9;

function parametersOf(name: string): number {
  const tensors = modelTensors(architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS[name])));
  return Array.from(tensors, ({ shape }) => shape.reduce((size, n) => size * n, 1)).reduce((sum, size) => sum + size);
}

async function simulated(name: string, gpus: number): Promise<string> {
  const dtype = parametersOf(name) > MOST_ON_ONE ? "nf4" : "bfloat16";
  const job = { name: "only", adapter: { targets: "all-linear" }, batchSize: 8, steps: 2 };
  writeFileSync(
    path.join(root, "w.json"),
    JSON.stringify({
      ...{ kind: "workload", version: 1, model: { architecture: name, dtype } },
      jobs: [{ ...job, data: { lengths: 256, samples: 16 } }],
    }),
  );
  return printed(["simulate", "w.json", "--devices", `H100 SXM*${gpus}`], root);
}

/** GPUs that the largest models need at least, even in nf4. */
const LEAST_GPUS: Readonly<Record<string, number>> = { "llama-3.1-405b": 8, "qwen-3-235b-a22b": 2 };

test.each(Object.keys(PRESETS))("%s is planned and simulated on 1, 2 and 8 GPUs without a checkpoint", async (name) => {
  for (const gpus of [1, 2, 8]) {
    if (gpus < (LEAST_GPUS[name] ?? 1)) {
      await expect(simulated(name, gpus)).rejects.toThrow(/plan that fits into the devices/);
      continue;
    }
    const text = await simulated(name, gpus);
    expect(text.match(/^gpu:\d+ .*[GM]iB$/gm)).toHaveLength(gpus);
    expect(text).toMatch(/^only +2 +4096 /m);
  }
});
