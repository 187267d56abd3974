import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { RunMetrics } from "../../traces/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const folder = temporaryFolder();

function workload(model: string, data = "{ lengths: 256, samples: 16 }", more = ""): string {
  return `kind: workload
version: 1
model: { architecture: ${model}, dtype: bfloat16 }
defaults: { batchSize: 8, microBatchSize: 2, steps: 6, data: ${data}${more} }
jobs: [{ name: a }, { name: b, adapter: { rank: 4, alpha: 8, targets: [q_proj] } }]
`;
}

function cluster(type: string, count = 4): string {
  const devices = Array.from({ length: count }, (_, index) => `{ name: g${index}, type: "${type}" }`).join(", ");
  return `kind: cluster\nversion: 1\nmachines:\n  - { name: box, devices: [${devices}], link: { type: pcie4x16, shared: true } }\n`;
}

beforeAll(() => {
  const files = {
    "small.yaml": workload("tinyllama-1.1b"),
    "mixed.yaml": workload(
      "tinyllama-1.1b",
      "{ lengths: { distribution: lognormal, mean: 200, sigma: 0.6, max: 512 }, samples: 64 }",
    ),
    "large.yaml": workload("llama-2-13b"),
    "late.yaml": workload("tinyllama-1.1b").replace("{ name: a }", "{ name: a, arrivalSeconds: 5 }"),
    "four.yaml": cluster("RTX A6000"),
    "three.yaml": cluster("RTX A6000", 3),
    "twelve-gigabytes.yaml": cluster("RTX A6000").replaceAll('"RTX A6000"', '"RTX A6000", memoryBytes: 12.0e9'),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
});

const ON_FOUR = ["--cluster", "four.yaml"] as const;

async function simulated(schedule: string, ...args: readonly string[]): Promise<RunMetrics> {
  return JSON.parse(
    await printed(["simulate", "small.yaml", ...ON_FOUR, "--schedule", schedule, ...args, "--json"], folder),
  ) as RunMetrics;
}

test("evaluations are left out of all ways that are compared, and that is said", async () => {
  const rows = async (file: string) => {
    const { code, stdout, stderr } = await runCli(["strategies", file, ...ON_FOUR, "--json"], folder);
    expect(code).toBe(0);
    return { rows: JSON.parse(stdout) as object, stderr };
  };
  const evaluated = workload("tinyllama-1.1b", undefined, ", evaluation: { everySteps: 1, share: 0.1 }");
  // As many rows to train on: some are held out.
  const data = "{ lengths: 256, samples: 64 }";
  writeFileSync(path.join(folder, "evaluated.yaml"), evaluated.replace("{ lengths: 256, samples: 16 }", data));
  writeFileSync(path.join(folder, "alone.yaml"), workload("tinyllama-1.1b", data));
  const [seen, alone] = [await rows("evaluated.yaml"), await rows("alone.yaml")];
  expect(seen.stderr).toMatch(/evaluation of a, b is left out: only loratwin's own plans are evaluated/);
  expect(alone.stderr).not.toMatch(/left out/);
  expect(seen.rows).toEqual(alone.rows);
});

test.each(["tp", "fsdp", "ddp", "interleaved", "zb-h1"])(
  "simulate --schedule %s is what strategies says",
  async (schedule) => {
    const { strategies } = JSON.parse(await printed(["strategies", "small.yaml", ...ON_FOUR, "--json"], folder)) as {
      readonly strategies: readonly {
        readonly strategy: string;
        readonly recompute: string;
        readonly tokensPerSecond: number;
        readonly causes: readonly object[];
        readonly criticalPath: readonly object[];
      }[];
    };
    for (const recompute of ["none", "layer"]) {
      const metrics = await simulated(schedule, "--recompute", recompute);
      const row = strategies.find((each) => each.strategy === schedule && each.recompute === recompute)!;
      const { tokensPerSecond, causes, criticalPath } = row;
      expect(metrics).toMatchObject({ tokensPerSecond, causes, criticalPath });
      expect(Object.keys(metrics).sort()).toEqual(
        [
          "bubbleRatio",
          "bubbleRatioTotal",
          "causes",
          "costs",
          "criticalPath",
          "devices",
          "intervals",
          "jobs",
          "makespanSeconds",
          "planHash",
          "source",
          "tokens",
          "tokensPerSecond",
        ].sort(),
      );
      expect(metrics.jobs.map(({ name, steps, tokens }) => [name, steps, tokens])).toEqual([
        ["a", 6, 6 * 8 * 256],
        ["b", 6, 6 * 8 * 256],
      ]);
    }
  },
);

test("a plan and every comparison schedule take the same times of the GPUs, and say how far off these are", {
  tags: ["slow"],
}, async () => {
  const costs = { model: "layers", source: expect.stringContaining("RTX A6000"), meanError: expect.any(Number) };
  const plan = JSON.parse(await printed(["plan", "small.yaml", ...ON_FOUR, "--json"], folder)) as object;
  expect(plan).toMatchObject({ costs });
  for (const schedule of ["lorapp", "tp"]) expect(await simulated(schedule)).toMatchObject({ costs });
  const text =
    /^times: kernels of RTX A6000 as on GPUs that were timed; LoRA layers timed on H100 SXM; about 19 % off, up or down$/m;
  for (const schedule of ["lorapp", "tp"])
    expect(await printed(["simulate", "small.yaml", ...ON_FOUR, "--schedule", schedule], folder)).toMatch(text);
  expect(await printed(["plan", "small.yaml", ...ON_FOUR], folder)).toMatch(text);
  expect(await printed(["strategies", "small.yaml", ...ON_FOUR], folder)).toMatch(text);
});

test("GPUs described by figures have the kernels of GPUs that were timed, and several types those of each", async () => {
  const figures =
    "memoryBytes: 48.0e9, peakFlopsPerSecond: { float32: 4.0e13, bfloat16: 1.6e14 }, memoryBytesPerSecond: 8.0e11";
  const own = cluster("RTX A6000", 2).replaceAll('type: "RTX A6000"', figures);
  writeFileSync(path.join(folder, "own.yaml"), own);
  writeFileSync(path.join(folder, "mixed-gpus.yaml"), cluster("RTX A6000", 2).replace("RTX A6000", "L40S"));
  for (const args of [
    ["--cluster", "own.yaml"],
    ["--cluster", "own.yaml", "--schedule", "tp"],
    ["--cluster", "mixed-gpus.yaml"],
  ])
    expect(await printed(["simulate", "small.yaml", ...args], folder)).toMatch(
      /^times: (kernels of GPUs with figures of their own as on GPUs that were timed|kernels timed on L40S, kernels of RTX A6000 as on GPUs that were timed); LoRA layers timed on H100 SXM; about 19 % off/m,
    );
});

test("the trace opens as a page, and holds the steps that were asked for", { tags: ["slow"] }, async () => {
  const args = ["simulate", "mixed.yaml", ...ON_FOUR, "--schedule", "fsdp", "-o", "fsdp.json"];
  expect(await printed(args, folder)).toMatch(/trace written to fsdp\.json\n$/);
  expect(await printed([...args, "--trace-steps", "2"], folder)).toMatch(/fsdp\.json: the first 2 of 12 steps\n$/);
  await printed(["report", "fsdp.json", "-o", "fsdp.html"], folder);
  const document = JSON.parse(readFileSync(path.join(folder, "fsdp.json"), "utf8")) as {
    readonly traceEvents: readonly { readonly name: string }[];
  };
  const names = new Set(document.traceEvents.map(({ name }) => name));
  for (const name of ["0F0", "22F0", "22B0", "0U0", "all-gather 3F0", "all-reduce 3B0", "memory"])
    expect(names).toContain(name);
  expect(readFileSync(path.join(folder, "fsdp.html"), "utf8")).toContain("report-data");
});

test("the same request has the same hash and another one has another", async () => {
  const [one, again, other] = [await simulated("tp"), await simulated("tp"), await simulated("ddp")];
  expect(again).toEqual(one);
  expect(other.planHash).not.toBe(one.planHash);
});

test("weights in 8 bits and 4 bits need less memory and time to dequantize", async () => {
  const [half, eight, four] = [
    await simulated("ddp"),
    await simulated("ddp", "--dtype", "int8"),
    await simulated("ddp", "--dtype", "nf4"),
  ];
  const peaks = [half, eight, four].map(({ devices }) => devices[0]!.peakMemoryBytes);
  expect([...peaks].sort((a, b) => b - a)).toEqual(peaks);
  expect(eight.makespanSeconds).toBeGreaterThan(half.makespanSeconds);
});

test.each([
  [
    "a model that does not fit, with what it would need",
    ["simulate", "large.yaml", "--cluster", "twelve-gigabytes.yaml", "--schedule", "ddp"],
    /that fit into the devices' memory with --schedule ddp, got "out of memory"\.\n\ndevice +weights +adapters +optimizer +activations +buffers +workspace +total +capacity\n[\s\S]*g0[\s\S]*too much\n/,
  ],
  [
    "an FSDP model that is only too large while it is loaded",
    ["simulate", "large.yaml", "--cluster", "twelve-gigabytes.yaml", "--schedule", "fsdp", "--recompute", "layer"],
    /Each device holds the whole model while it is loaded and cut/,
  ],
  [
    "a plan with a schedule that is only simulated",
    ["plan", "small.yaml", ...ON_FOUR, "--schedule", "tp", "-o", "p.json"],
    /Expected one of auto, lorapp, lorapp-gpipe, .* at --schedule, got "tp"/,
  ],
  [
    "training with one",
    ["train", "small.yaml", ...ON_FOUR, "--schedule", "fsdp", "-o", "run"],
    /Expected one of auto, .* at --schedule, got "fsdp"/,
  ],
  [
    "rows that devices cannot share evenly",
    ["simulate", "small.yaml", "--cluster", "three.yaml", "--schedule", "ddp"],
    /a batchSize that is a multiple of 3 devices for ddp at batchSize, got 8/,
  ],
  [
    "micro-batches that interleaved cannot run",
    ["simulate", "small.yaml", "--cluster", "three.yaml", "--schedule", "interleaved"],
    /micro-batches that are a multiple of 3 devices, and two layers a device, for interleaved/,
  ],
  [
    "jobs that arrive later",
    ["simulate", "late.yaml", ...ON_FOUR, "--schedule", "tp"],
    /jobs that are there from the start for --schedule tp at jobs\[0\]\.arrivalSeconds, got 5/,
  ],
  [
    "devices of which nothing is known",
    ["simulate", "small.yaml", "--devices", "unit*4", "--schedule", "tp"],
    /devices with peaks and memory, such as GPUs of the catalog/,
  ],
  [
    "CPUs, which are what is taken without a cluster",
    ["simulate", "small.yaml", "--schedule", "tp", "--quiet"],
    /^Expected devices with peaks and memory, such as GPUs of the catalog at --cluster, got "cpu"\.\nHint: `loratwin catalog`/,
  ],
  [
    "what only plans have",
    ["simulate", "small.yaml", ...ON_FOUR, "--schedule", "tp", "--no-pruning"],
    /^Expected a workload with a schedule of plans or a finished plan for --no-pruning, got "a workload with --schedule tp"/,
  ],
  [
    "a timeline of layers",
    ["simulate", "small.yaml", ...ON_FOUR, "--schedule", "ddp", "--timeline"],
    /^Expected a workload with a schedule of plans or a finished plan for --timeline, got "a workload with --schedule ddp"/,
  ],
  [
    "full training of a plan",
    ["simulate", "small.yaml", ...ON_FOUR, "--full"],
    /^Expected a workload with --schedule tp, fsdp, ddp, interleaved or zb-h1 for --full, got "a workload with a schedule of plans"/,
  ],
  [
    "full training of quantized weights",
    ["simulate", "small.yaml", ...ON_FOUR, "--schedule", "ddp", "--full", "--dtype", "nf4"],
    /Expected float32 or bfloat16 weights for --full at model\.dtype, got "nf4"/,
  ],
])("simulate refuses %s", async (_, args, message) => {
  const { code, stderr } = await runCli(args, folder);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
});

test("a plan file has its own schedule", async () => {
  await printed(["plan", "small.yaml", ...ON_FOUR, "-o", "plan.json"], folder);
  const { code, stderr } = await runCli(["simulate", "plan.json", ...ON_FOUR, "--schedule", "tp"], folder);
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /^Expected a workload for --cluster four\.yaml and --schedule tp, got "a finished plan"\.\nHint: .*`loratwin simulate WORKLOAD --cluster four\.yaml --schedule tp`/,
  );
});

test("links can block by themselves: the plan says so, its simulations do, and a plan without it stays what it was", {
  tags: ["slow"],
}, async () => {
  // So little memory that no model fits into one machine's devices.
  const gpu = (name: string, memory: string): string => `{ name: ${name}, type: "RTX A6000"${memory} }`;
  const two = (inside: string, network: string, memory = ", memoryBytes: 1.5e9"): string => `kind: cluster
version: 1
machines:
  - { name: m0, devices: [${gpu("g0", memory)}, ${gpu("g1", memory)}], link: { type: pcie4x16${inside} } }
  - { name: m1, devices: [${gpu("g2", memory)}, ${gpu("g3", memory)}], link: { type: pcie4x16${inside} } }
network: { bandwidthBytesPerSecond: 1.25e9${network} }
`;
  const run = async (inside: string, network: string, ...args: readonly string[]): Promise<RunMetrics> => {
    writeFileSync(path.join(folder, "two.yaml"), two(inside, network, args.includes("fsdp") ? "" : undefined));
    return JSON.parse(
      await printed(["simulate", "mixed.yaml", "--cluster", "two.yaml", "--samples", "4", ...args, "--json"], folder),
    ) as RunMetrics;
  };
  const [blocks, overlaps] = [", transfers: blocking", ", transfers: overlapped"];
  const overlapped = await run("", "");
  expect(await run(overlaps, overlaps)).toEqual(overlapped);
  const network = await run("", blocks);
  const all = await run(blocks, blocks);
  expect(network.planHash).not.toBe(overlapped.planHash);
  expect(network.makespanSeconds).toBeGreaterThan(overlapped.makespanSeconds);
  expect(all.makespanSeconds).toBeGreaterThan(network.makespanSeconds);
  const { planHash: _planHash, ...figures } = await run("", "", "--no-overlap");
  expect(all).toMatchObject(figures);
  expect(await run("", blocks, "--no-overlap")).toMatchObject(figures);
  await printed(["plan", "mixed.yaml", "--cluster", "two.yaml", "-o", "blocking.json"], folder);
  expect(JSON.parse(await printed(["simulate", "blocking.json", "--samples", "4", "--json"], folder))).toEqual(network);
  expect((await run("", blocks, "--schedule", "fsdp")).makespanSeconds).toBe(
    (await run("", "", "--schedule", "fsdp", "--no-overlap")).makespanSeconds,
  );
  const lorappOf = async (): Promise<number> => {
    const text = await printed(["strategies", "mixed.yaml", "--cluster", "two.yaml", "--json"], folder);
    return (JSON.parse(text) as { readonly strategies: readonly RunMetrics[] }).strategies[0]!.makespanSeconds;
  };
  await run("", "");
  const free = await lorappOf();
  await run("", blocks);
  expect(await lorappOf()).toBeGreaterThan(free);
});

test("overlap, pruning and fusing can be switched off, and each costs what it saves", { tags: ["slow"] }, async () => {
  const lorapp = await simulated("lorapp");
  const serial = await simulated("lorapp", "--no-overlap");
  const split = await simulated("lorapp", "--no-pruning");
  const both = await simulated("lorapp", "--no-pruning", "--no-overlap");
  expect(serial.planHash).toBe(lorapp.planHash);
  expect(serial.makespanSeconds).toBeGreaterThan(lorapp.makespanSeconds);
  expect(split.makespanSeconds).toBeGreaterThan(lorapp.makespanSeconds);
  expect(both.makespanSeconds).toBeGreaterThan(Math.max(serial.makespanSeconds, split.makespanSeconds));
  split.devices.forEach(({ peakMemoryBytes }, device) => {
    expect(peakMemoryBytes).toBeGreaterThan(lorapp.devices[device]!.peakMemoryBytes);
    expect(serial.devices[device]!.peakMemoryBytes).toBe(lorapp.devices[device]!.peakMemoryBytes);
  });
  const prefetched = await simulated("fsdp");
  expect((await simulated("fsdp", "--no-overlap")).makespanSeconds).toBeGreaterThan(prefetched.makespanSeconds);
  const further = await simulated("fsdp", "--prefetch", "3");
  expect(further.devices[0]!.peakMemoryBytes).toBeGreaterThanOrEqual(prefetched.devices[0]!.peakMemoryBytes);
});
