import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import {
  attentionSeconds,
  CATALOG,
  deviceCalibration,
  gpuKernels,
  type LayersCalibration,
  productSeconds,
} from "../../plan/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();

/** An L4 that is slower than the catalog says, as fifteen products of one model say. */
const SLOWER = 0.8;
const L4 = CATALOG.devices["L4"]!;
const PEAKS = { flopsPerSecond: L4.bfloat16FlopsPerSecond!.value, bytesPerSecond: L4.memoryBytesPerSecond!.value };
const KNOWN = gpuKernels(CATALOG, "L4")!.products;
const TRUE = { ...KNOWN, computeShare: SLOWER * KNOWN.computeShare };

const secondsOf = (figures: typeof KNOWN, shape: readonly [number, number, number]): number =>
  productSeconds(figures, PEAKS, shape);

beforeAll(() => {
  const shapes = [512, 2048, 8192].flatMap((m) =>
    [
      [6144, 4096],
      [4096, 4096],
      [28_672, 4096],
      [4096, 14_336],
      [4096, 28_672],
    ].map(([n, k]) => [m, n!, k!] as const),
  );
  const rows = (held: 0 | 1) =>
    shapes.map((shape) => `NVIDIA L4,${shape.join()},${1000 * secondsOf(TRUE, shape)},${held}`);
  writeFileSync(path.join(root, "held.csv"), ["gpu,m,n,k,ms,held", ...rows(1)].join("\n"));
  writeFileSync(path.join(root, "bursts.csv"), ["gpu,m,n,k,ms,held", ...rows(0)].join("\n"));
  writeFileSync(
    path.join(root, "held-attention.csv"),
    "gpu,head_dim,heads,kv_heads,batch,tokens,ms,held\nL4,128,32,8,4,2048,9,1\n",
  );
  writeFileSync(path.join(root, "two.csv"), "gpu,m,n,k,ms\nH100 SXM,512,512,512,1\nL40S,512,512,512,1\n");
  writeFileSync(path.join(root, "fast.csv"), "gpu,m,n,k,ms\nL4,512,4096,4096,0.001\n");
  writeFileSync(path.join(root, "slow.csv"), "gpu,m,n,k,ms\nNVIDIA H100 80GB HBM3,2048,4096,4096,100\n");
  writeFileSync(path.join(root, "other.csv"), "gpu,m,n,k,ms\nA card of mine,512,4096,4096,1\n");
  writeFileSync(
    path.join(root, "w.yaml"),
    `kind: workload
version: 1
model: { architecture: Llama 3.2 1B, dtype: bfloat16 }
defaults: { batchSize: 8, adapter: { rank: 16, alpha: 32 }, data: { lengths: { distribution: lognormal, mean: 400, sigma: 0.5, max: 1024 }, samples: 80 } }
jobs: [{ name: one, steps: 5 }]
`,
  );
  writeFileSync(
    path.join(root, "gpus.yaml"),
    "{ kind: cluster, version: 1, machines: [{ name: m, devices: [{ name: a, type: L4 }] }] }\n",
  );
});

const calibration = (name: string): LayersCalibration => JSON.parse(readFileSync(path.join(root, name), "utf8"));

describe("calibrate --from", () => {
  it("finds what fifteen products say of a GPU, and leaves the rest as the catalog has it", async () => {
    const text = await printed(["calibrate", "--from", "bursts.csv", "-o", "k.json"], root);
    expect(text).toMatch(/^15 kernels timed on L4; for the rest kernels of L4 as timed on L40S/);
    expect(text).toMatch(/\nproducts +15 +\d\d\.\d % +[0-3]\.\d %\n\nwritten to k\.json\n$/);
    const { kernels, computeEfficiency } = calibration("k.json");
    const { products, attention } = kernels!["L4"]!;
    for (const shape of [[1024, 5120, 5120] as const, [4096, 8192, 2048] as const])
      expect(secondsOf(products, shape) / secondsOf(TRUE, shape)).toBeCloseTo(1, 1);
    expect(attention).toEqual(gpuKernels(CATALOG, "L4")!.attention);
    expect(computeEfficiency).toBeLessThan(1);
  });

  it("takes times under full load for training's, and its file is what plan and estimate go by", async () => {
    await printed(["calibrate", "--from", "held.csv", "--to", "L4", "-o", "held.json"], root);
    expect(calibration("held.json").computeEfficiency).toBe(1);
    expect(calibration("held.json").source).toContain("15 kernels timed on L4 at full load");
    const seconds = async (...more: readonly string[]): Promise<number> => {
      const argv = ["estimate", "w.yaml", "--cluster", "gpus.yaml", "--no-intervals", ...more, "--json"];
      return (JSON.parse(await printed(argv, root)) as { seconds: { predicted: number } }).seconds.predicted;
    };
    const [catalog, held] = [await seconds(), await seconds("--calibration", "held.json")];
    // A fifth slower in bursts, and nothing lost beside them.
    expect(held / catalog).toBeGreaterThan(1.05);
    expect(held / catalog).toBeLessThan(1.25);
    await printed(["plan", "w.yaml", "--cluster", "gpus.yaml", "--calibration", "held.json", "-o", "p.json"], root);
  });

  it.each([
    ["attention beside products", "held.csv"],
    ["products beside attention", "held-attention.csv"],
  ])("leaves %s under full load at the catalog's time in training", async (what, table) => {
    await printed(["calibrate", "--from", table, "-o", "rest.json"], root);
    const seconds = ({ computeEfficiency, kernels }: LayersCalibration): number => {
      const { products, attention } = kernels!["L4"]!;
      const heads = { heads: 32, headDim: 128, lengths: [700, 2048] };
      const kernel = what.startsWith("products")
        ? secondsOf(products, [1024, 5120, 5120])
        : attentionSeconds(attention, products.multiprocessors, PEAKS, heads);
      return kernel / computeEfficiency;
    };
    expect(seconds(calibration("rest.json")) / seconds(deviceCalibration(CATALOG, "L4", "bfloat16"))).toBeCloseTo(1, 9);
  });

  it("has what it was fitted to in --json", async () => {
    const facts = JSON.parse(await printed(["calibrate", "--from", "held.csv", "--json"], root)) as object;
    expect(facts).toEqual({
      calibration: expect.objectContaining({ kind: "calibration", model: "layers" }),
      fits: [
        {
          ...{ kernel: "products", times: 15 },
          medianErrorBefore: expect.closeTo(0.18, 1),
          medianError: expect.closeTo(0.01, 1),
        },
      ],
    });
  });

  it.each([
    [
      "times of several GPUs",
      ["two.csv"],
      /^Expected the GPU of the catalog that the times are of at --to, got "H100 SXM, L40S"/,
    ],
    [
      "a GPU that nobody knows",
      ["other.csv"],
      /^Expected the GPU of the catalog .* got "A card of mine"\.\nHint: --to names one/,
    ],
    ["no table", [], /^Expected a value after --from, got "none"\.\nHint: --from: tables of kernel times/],
    ["a file that is not there", ["none.csv"], /none\.csv: Expected a table of kernel times, got "no such file"/],
    [
      "times of another GPU",
      ["held.csv", "--to", "H100 SXM"],
      /^Expected times of H100 SXM at --to, got "those of NVIDIA L4"/,
    ],
    ["a GPU without such peaks", ["other.csv", "--to", "cpu"], /^Expected a GPU with bfloat16 peaks/],
    [
      "times beyond a peak",
      ["fast.csv"],
      /^Expected times of products on L4, whose peak is 121 TFLOP\/s at m 512, n 4096, k 4096/,
    ],
  ])("refuses %s", async (_, argv, message) => {
    const { code, stderr } = await runCli(["calibrate", "--from", ...argv], root);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  it("warns of times that are hard to believe, and of kernels of another GPU", async () => {
    const slow = await runCli(["calibrate", "--from", "slow.csv", "-o", "slow.json"], root);
    expect(slow.stderr).toMatch(/^Warning: products take \d+ times what the catalog says of H100 SXM: are they its/);
    expect(slow.stdout).toMatch(/^1 kernel timed on H100 SXM; for the rest kernels timed on H100 SXM/);
    const argv = ["estimate", "w.yaml", "--cluster", "gpus.yaml", "--calibration", "slow.json"];
    const { code, stderr } = await runCli(argv, root);
    expect(stderr).toMatch(
      /^Warning: the calibration has kernels of H100 SXM, and none of L4: it may be another GPU's$/m,
    );
    expect(code).toBe(0);
  });

  it("takes one GPU's rows of a table of many", async () => {
    expect(await printed(["calibrate", "--from", "two.csv", "--to", "L40S"], root)).toMatch(
      /^1 kernels? timed on L40S/,
    );
  });
});

it("prints a program that Python takes, named or not", async () => {
  const program = await printed(["calibrate", "--script"], root);
  expect(await printed(["calibrate", "--script", "python"], root)).toBe(program);
  expect(program).toMatch(/^#!\/usr\/bin\/env python3\n"""Times single kernels/);
  const compiled = 'import ast, sys; ast.parse(sys.stdin.read()); print("good")';
  expect(execFileSync("python3", ["-c", compiled], { input: program, encoding: "utf8" })).toBe("good\n");
});

it("prints a program for CUDA's compiler, and says which programs there are", async () => {
  const program = await printed(["calibrate", "--script", "cuda"], root);
  expect(program).toMatch(/^\/\/ Times products of a GPU[\s\S]+nvcc -O2 kernel_times\.cu -lcublas -o kernel_times\n/);
  const { code, stderr } = await runCli(["calibrate", "--script", "perl"], root);
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/^Expected one of python, cuda at --script, got "perl"\.\n/),
  ]);
});
