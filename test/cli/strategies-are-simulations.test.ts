import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { createRng, type Rng } from "../../core/index.ts";
import type { RunMetrics } from "../../traces/index.ts";
import { isNightly } from "../level.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const folder = temporaryFolder();

interface Row {
  readonly strategy: string;
  readonly recompute: string;
  readonly pipelines: number | null;
  readonly makespanSeconds: number;
  readonly tokensPerSecond: number;
  readonly bubbleRatioTotal: number;
  readonly peakMemoryBytes: number;
  readonly fits: boolean;
}

/** The options of `simulate` for a row. */
function optionsOf({ strategy, recompute, pipelines }: Row): readonly string[] {
  const [schedule, ...more] = strategy === "lorapp-unfused" ? ["lorapp", "--no-fuse"] : [strategy];
  const sideBySide = pipelines === null ? [] : ["--pipelines", `${pipelines}`];
  return ["--schedule", schedule!, ...more, ...sideBySide, "--recompute", recompute];
}

async function checkRow(row: Row, workload: string, cluster: string): Promise<void> {
  const args = ["simulate", workload, "--cluster", cluster, ...optionsOf(row), "--no-intervals", "--json"];
  const { code, stdout, stderr } = await runCli(args, folder);
  if (!row.fits) {
    expect(stderr).toMatch(/fits? into the devices' memory/);
    expect(code).toBe(2);
    return;
  }
  const { makespanSeconds, tokensPerSecond, bubbleRatioTotal, devices } = JSON.parse(stdout) as RunMetrics;
  const peakMemoryBytes = Math.max(...devices.map((device) => device.peakMemoryBytes));
  const { strategy, recompute } = row;
  expect({ strategy, recompute, makespanSeconds, tokensPerSecond, bubbleRatioTotal, peakMemoryBytes }).toEqual({
    strategy,
    recompute,
    makespanSeconds: row.makespanSeconds,
    tokensPerSecond: row.tokensPerSecond,
    bubbleRatioTotal: row.bubbleRatioTotal,
    peakMemoryBytes: row.peakMemoryBytes,
  });
}

async function rowsOf(workload: string, cluster: string): Promise<readonly Row[]> {
  const text = await printed(["strategies", workload, "--cluster", cluster, "--json"], folder);
  return (JSON.parse(text) as { readonly strategies: readonly Row[] }).strategies;
}

function pick<T>(rng: Rng, values: readonly T[]): T {
  return values[rng.nextInt(values.length)]!;
}

/** A model of few layers, some jobs of few steps with rows of their own lengths. */
function workloadText(rng: Rng): string {
  const heads = pick(rng, [4, 8]);
  const hidden = 64 * heads;
  const model = {
    hidden_size: hidden,
    intermediate_size: pick(rng, [2, 3]) * hidden,
    num_hidden_layers: 4 + rng.nextInt(5),
    num_attention_heads: heads,
    num_key_value_heads: pick(rng, [heads, heads / 2]),
    vocab_size: pick(rng, [1000, 32000]),
    max_position_embeddings: 4096,
  };
  const jobs = Array.from({ length: 1 + rng.nextInt(3) }, (_, index) => {
    const batchSize = pick(rng, [2, 4, 6, 8]);
    const mean = 50 + rng.nextInt(800);
    return {
      name: `job${index}`,
      adapter: {
        rank: pick(rng, [4, 16]),
        alpha: 16,
        targets: pick(rng, [["q_proj"], ["q_proj", "v_proj", "down_proj"]]),
      },
      batchSize,
      ...pick(rng, [{ microBatchSize: pick(rng, [1, 2]) }, { microBatchTokens: 2 * mean }, {}]),
      steps: 1 + rng.nextInt(4),
      seed: index,
      cutoffLength: 4096,
      data: pick(rng, [
        { lengths: mean, samples: batchSize },
        { lengths: { distribution: "lognormal", mean, sigma: 0.8, max: 4 * mean }, samples: 32 },
      ]),
    };
  });
  return JSON.stringify({
    kind: "workload",
    version: 1,
    model: { architecture: model, dtype: pick(rng, ["float32", "bfloat16", "int8", "nf4"]) },
    jobs,
  });
}

/** One machine or two, with links that are shared, that block, or neither; a few with little memory. */
function clusterText(rng: Rng): string {
  const type = pick(rng, ["RTX A6000", "H100 SXM"]);
  const memory = pick(rng, [{}, {}, { memoryBytes: pick(rng, [6e7, 2e8, 6e8]) }]);
  const link = {
    type: pick(rng, ["pcie4x16", "nvlink4"]),
    ...pick(rng, [{}, { shared: true }, { transfers: "blocking" }]),
  };
  const count = 1 + rng.nextInt(4);
  const machine = (name: string) => ({
    name,
    devices: Array.from({ length: count }, (_, index) => ({ name: `${name}${index}`, type, ...memory })),
    ...(count > 1 ? { link } : {}),
  });
  const isTwo = count <= 2 && rng.nextInt(3) === 0;
  return JSON.stringify({
    kind: "cluster",
    version: 1,
    machines: isTwo ? [machine("a"), machine("b")] : [machine("a")],
    ...(isTwo ? { network: { bandwidthBytesPerSecond: 1.25e9, latencySeconds: 2e-5, shared: true } } : {}),
  });
}

const CASES = isNightly ? 50 : 8;

test(`a row of strategies is what simulate says of that schedule and recomputation, on ${CASES} workloads and clusters`, {
  tags: ["slow"],
  timeout: 600_000,
}, async () => {
  let compared = 0;
  let unfit = 0;
  for (let index = 0; index < CASES; index += 1) {
    const rng = createRng(`strategies ${index}`);
    writeFileSync(path.join(folder, "w.yaml"), workloadText(rng));
    writeFileSync(path.join(folder, "c.yaml"), clusterText(rng));
    const rows = await rowsOf("w.yaml", "c.yaml");
    for (const row of rows.filter(({ recompute }) => recompute === ["none", "layer"][index % 2])) {
      await checkRow(row, "w.yaml", "c.yaml");
      compared += 1;
      unfit += row.fits ? 0 : 1;
    }
  }
  expect(compared).toBeGreaterThan(5 * CASES);
  expect(unfit).toBeGreaterThan(isNightly ? 10 : 0);
  expect(unfit).toBeLessThan(compared / 2);
});

test("and on the example of GPUs", { tags: ["nightly"], timeout: 600_000 }, async () => {
  const example = (name: string): string => path.resolve(import.meta.dirname, "../../examples", name);
  const [workload, cluster] = [example("gpu-workload.yaml"), example("gpu-cluster.yaml")];
  const rows = await rowsOf(workload, cluster);
  for (const row of rows.filter(({ recompute }) => recompute === "none")) await checkRow(row, workload, cluster);
});
