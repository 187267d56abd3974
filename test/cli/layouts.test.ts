import { writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { sum } from "../../core/index.ts";
import type { LayoutRow } from "../../studies/index.ts";
import { blank, fieldProblems, under } from "./fields/check-fields.ts";
import { above, is, near, oneOf, that, within } from "./fields/checks.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();

const WORKLOAD = `kind: workload
version: 1
model: { architecture: llama-2-70b, dtype: bfloat16 }
defaults: { batchSize: 16, cutoffLength: 4096, adapter: { rank: 16, alpha: 32 }, data: { lengths: { distribution: lognormal, mean: 900, sigma: 0.5, max: 4096 }, samples: 500 } }
jobs: [{ name: long, steps: 30 }, { name: short, steps: 10 }]
`;

interface Layouts {
  readonly rows: readonly (LayoutRow & {
    readonly interval: readonly [number, number];
    readonly tokensPerSecond: number;
  })[];
  readonly layouts: number;
  readonly haveRoom: number;
  readonly leastBytes: number;
  readonly usableBytes: number;
  readonly tokens: number;
  readonly assumes: Readonly<Record<"device" | "software" | "kernels", string>>;
}

beforeAll(() => {
  writeFileSync(path.join(root, "w.yaml"), WORKLOAD);
  writeFileSync(path.join(root, "one.yaml"), WORKLOAD.replace(", { name: short, steps: 10 }", ""));
});

const ASKED = ["layouts", "w.yaml", "--accelerator", "H100 SXM", "--count", "8"] as const;

async function layouts(...more: readonly string[]): Promise<Layouts> {
  return JSON.parse(await printed([...ASKED, ...more, "--json"], root)) as Layouts;
}

describe("layouts", () => {
  it("are each split once, the fastest first, and all of them have room", async () => {
    const { rows, usableBytes, haveRoom, layouts: all } = await layouts("--precision", "float8");
    expect(haveRoom).toBeLessThan(all);
    const names = rows.map(({ jobs, layout: { recomputedLayers: _k, microTokens: _m, ...split } }) =>
      JSON.stringify([jobs, split]),
    );
    expect(new Set(names).size).toBe(names.length);
    expect(rows.map(({ seconds }) => seconds)).toEqual(rows.map(({ seconds }) => seconds).sort((a, b) => a - b));
    expect(Math.max(...rows.map(({ bytes }) => bytes))).toBeLessThanOrEqual(usableBytes);
    for (const kind of ["tensorParallel", "contextParallel", "pipelineParallel", "dataParallel"] as const)
      expect(Math.max(...rows.map(({ layout }) => layout[kind])), kind).toBeGreaterThan(1);
    expect(rows.some(({ layout }) => layout.sharded === "weights")).toBe(true);
    expect(rows.some(({ layout }) => layout.recomputedLayers > 0 && layout.recomputedLayers < 80)).toBe(true);
  });

  it("take what precision, software and graphs say", { tags: ["slow"] }, async () => {
    const best = async (...more: string[]): Promise<number> => (await layouts(...more)).rows[0]!.seconds;
    const eight = await best("--precision", "float8");
    expect(eight).toBeLessThan(await best());
    const older = await best("--precision", "float8", "--release", "nemo1-v4.0");
    expect(older).not.toBe(eight);
    expect(older / eight).toBeCloseTo(1, 1);
    expect(await best("--precision", "float8", "--no-graphs")).toBeGreaterThan(eight);
    expect((await layouts("--precision", "float8")).rows[0]!.trust.provenance).toBe("fitted");
    expect((await layouts()).rows[0]!.trust.provenance).toBe("transferred");
    const overlapped = await layouts("--precision", "float8", "--overlap");
    expect(overlapped.assumes.kernels).toContain("collectives beside products");
    const split = ({ rows }: Layouts) => rows.find(({ layout }) => layout.tensorParallel === 4)!.seconds;
    expect(split(overlapped)).toBeLessThan(split(await layouts("--precision", "float8")));
  });

  it("take what plain PyTorch takes, and say whose software that is", { tags: ["slow"] }, async () => {
    const one = async (...more: readonly string[]): Promise<Layouts> => {
      const argv = ["layouts", "one.yaml", "--accelerator", "H100 SXM", "--count", "8", "--no-graphs", "--json"];
      return JSON.parse(await printed([...argv, ...more], root)) as Layouts;
    };
    const [newest, tuned, plain] = await Promise.all([
      one(),
      one("--release", "torchtune"),
      one("--release", "transformers-peft"),
    ]);
    // It deals rows and shards states, and splits no layer.
    for (const { rows } of [tuned, plain])
      for (const { layout } of rows)
        expect(layout).toMatchObject({ tensorParallel: 1, contextParallel: 1, pipelineParallel: 1 });
    const [fast, slower, slowest] = [newest, tuned, plain].map(({ rows }) => rows[0]!.seconds);
    expect(slower).toBeGreaterThan(fast!);
    expect(slowest! / slower!).toBeCloseTo(1.137 / 1.02, 1);
    expect(tuned.assumes.software).toContain("torchtune");
    expect(plain.assumes.software).toContain("transformers");
  });

  it("print fields that mean what they are called", async () => {
    const { rows, ...rest } = await layouts("--precision", "float8");
    const row = ({ owners }: { readonly owners: readonly unknown[] }, up = 1) =>
      owners.at(-up) as Layouts["rows"][number];
    const table = {
      "machine.accelerator": is("H100 SXM"),
      "machine.generation": is("Hopper"),
      "machine.count": is(8),
      "machine.memoryBytes": is(80 * 2 ** 30),
      "machine.scaleUp": is(8),
      "machine.precision": is("float8"),
      "machine.release": is("newest"),
      "machine.hasGraphs": is(true),
      "machine.overlaps": blank("it was not asked for", is(false)),
      asked: blank("nothing was", is({})),
      "assumes.device": that("how many steps", (value: string) => value.includes("85 published ones of 11 types")),
      "assumes.software": that("the release", (value: string) => value.includes("nemo2-v5.1")),
      "assumes.kernels": that("not ours", (value: string) => value.includes("not loratwin's own")),
      ...under("jobs[].", {
        name: oneOf(["long", "short"]),
        steps: oneOf([10, 30]),
        tokensPerStep: within(8000, 22_000),
        longestRow: within(2000, 4096),
      }),
      tokens: within(40 * 8000, 40 * 22_000),
      layouts: above(100, 5000),
      haveRoom: that("some of them", (value: number) => value > 0 && value < rest.layouts),
      leastBytes: that("what the smallest takes", (value: number) => value > 8e9 && value < rest.usableBytes),
      usableBytes: near(() => 0.94 * 80 * 2 ** 30),
      ...under("rows[].", {
        jobs: oneOf(["together", "apart"]),
        "layout.tensorParallel": oneOf([1, 2, 4, 8]),
        "layout.contextParallel": oneOf([1, 2, 4, 8]),
        "layout.contextExchange": oneOf(["all-to-all", "ring"]),
        "layout.pipelineParallel": oneOf([1, 2, 4, 8]),
        "layout.dataParallel": oneOf([1, 2, 4, 8]),
        "layout.sharded": oneOf(["state", "weights"]),
        "layout.recomputedLayers": blank("there may be room for all", oneOf([0, 20, 40, 60, 80])),
        "layout.microTokens": within(1024, 8 * 16_384),
        seconds: above(1, 1000),
        "trust.provenance": is("fitted"),
        "trust.sigma": within(0.03, 0.07),
        "trust.factor": near((place) => Math.exp(1.645 * row(place, 2).trust.sigma)),
        "interval[]": that("around the time", (value: number, place) => {
          const { seconds } = row(place, 2);
          return value > seconds / 1.13 && value < seconds * 1.13 && value !== seconds;
        }),
        tokensPerSecond: near((place) => rest.tokens / row(place).seconds),
        bytes: that("with room", (value: number) => value >= rest.leastBytes && value <= rest.usableBytes),
        "shares.products": within(0.01, 0.99),
        "shares.attention": within(0.0001, 0.5),
        "shares.memory": within(0.001, 0.8),
        "shares.link": within(0.0001, 0.99),
        "shares.rest": that("what is left of the whole", (value: number, place) => {
          const { products, attention, memory, link } = row(place, 1) as unknown as LayoutRow["shares"];
          return Math.abs(1 - sum([products, attention, memory, link]) - value) < 1e-9;
        }),
      }),
    };
    expect(fieldProblems({ rows, ...rest }, table)).toEqual([]);
  });

  it("have what is given of them, and say so", { tags: ["slow"] }, async () => {
    const given = ["--tensor-parallel", "2", "--pipeline-parallel", "4", "--micro-batch-tokens", "4096"] as const;
    const split = [...given, "--recompute", "none", "--shard", "state"] as const;
    const one = await layouts(...split);
    expect(one.rows.map(({ layout }) => layout)).toEqual([
      {
        ...{
          tensorParallel: 2,
          contextParallel: 1,
          contextExchange: "all-to-all",
          pipelineParallel: 4,
          dataParallel: 1,
        },
        ...{ sharded: "state", recomputedLayers: 0, microTokens: 4096 },
      },
      expect.objectContaining({ tensorParallel: 2, pipelineParallel: 4 }),
    ]);
    expect(one).toMatchObject({
      asked: {
        ...{ tensorParallel: 2, pipelineParallel: 4, microTokens: 4096, sharded: "state", recomputedLayers: 0 },
      },
    });
    const time = async (...more: readonly string[]): Promise<number> =>
      (await layouts(...split, ...more)).rows[0]!.seconds;
    const { seconds, bytes } = one.rows[0]!;
    expect(await time("--virtual-stages", "20")).toBeLessThan(seconds);
    expect(await time("--drain-after", "1")).toBeGreaterThan(seconds);
    const [twice] = (await layouts(...given, "--recompute", "layer", "--shard", "state")).rows;
    expect(twice!.seconds / seconds).toBeGreaterThan(1.2);
    expect(twice!.seconds / seconds).toBeLessThan(1.5);
    expect(twice!.bytes).toBeLessThan(bytes);
    const [quantized] = (await layouts(...split, "--dtype", "nf4")).rows;
    expect(quantized!.bytes).toBeLessThan(bytes);
    expect(quantized!.seconds).toBeGreaterThan(seconds);
    const text = await printed(
      [...ASKED, ...split, "--dtype", "nf4", "--virtual-stages", "5", "--drain-after", "4"],
      root,
    );
    expect(text).toMatch(/^2 jobs on 8 x H100 SXM: bfloat16 with weights in nf4, .* graphs\n/);
    expect(text).toMatch(
      /\ngiven: tp 2, pp 4, twice 0, at once 4096, ZeRO-1, 5 virtual stages, drains after 4 micro-batches; the rest was tried\n/,
    );
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
  });

  it("never take less than a row through all layers, however few micro-batches there are", {
    tags: ["slow"],
  }, async () => {
    const pipeline = [
      "--pipeline-parallel",
      "8",
      "--tensor-parallel",
      "1",
      "--context-parallel",
      "1",
      "--recompute",
      "none",
    ];
    const time = async (...more: readonly string[]): Promise<number> =>
      (await layouts(...pipeline, "--micro-batch-tokens", "4096", "--drain-after", "1", ...more)).rows[0]!.seconds;
    expect(await time("--virtual-stages", "10")).toBe(await time());
  });

  it("takes one kind of GPU with its count, as a list of devices has it", async () => {
    const facts = async (...more: readonly string[]) => (await runCli(["layouts", "w.yaml", ...more], root)).stdout;
    expect(await facts("--gpu", "H100 SXM * 8", "--json")).toEqual(await facts(...ASKED.slice(2), "--json"));
    for (const gpu of ["H100 SXM*0", "H100 SXM*8,L40S", "*8", `H100 SXM*1${"0".repeat(30)}`]) {
      const { code, stderr } = await runCli(["layouts", "w.yaml", "--gpu", gpu], root);
      expect(stderr).toMatch(/^Expected --gpu 'H100 SXM\*8' with one kind of GPU/);
      expect(code).toBe(2);
    }
  });

  it("names the option in which a device is that the catalog does not have", async () => {
    for (const given of [
      ["--gpu", "cpu:0"],
      ["--accelerator", "cpu:0", "--count", "1"],
    ]) {
      const { code, stderr } = await runCli(["layouts", "w.yaml", ...given], root);
      expect(stderr).toMatch(new RegExp(`^Expected a device of the catalog at ${given[0]}, got "cpu:0"`));
      expect(code).toBe(2);
    }
  });

  it.each([
    [["--precision", "float8", "--dtype", "nf4"], /^Expected --precision bfloat16 beside --dtype nf4, got "float8"/],
    [["--dtype", "float32"], /^Expected one of bfloat16, int8, nf4 at --dtype, got "float32"\./],
  ] as const)("refuse %j", async (argv, message) => {
    const { code, stderr } = await runCli([...ASKED, ...argv], root);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  it("take no row beyond the model's positions, and no more tokens at once than there are", async () => {
    writeFileSync(path.join(root, "long.yaml"), WORKLOAD.replaceAll("4096", "8192").replace("mean: 900", "mean: 6000"));
    const long = await runCli(["layouts", "long.yaml", ...ASKED.slice(2)], root);
    expect(long.stderr).toMatch(
      /^Expected rows of at most 4096 tokens, the model's positions, in job long, got \d{4}\./,
    );
    expect(long.code).toBe(2);
    const { rows } = await layouts("--micro-batch-tokens", "1000000000000");
    expect(rows[0]!.layout.microTokens).toBeLessThan(1e6);
  });

  it.each([
    ["--tensor-parallel", "3", "tensor 3"],
    ["--context-parallel", "16", "context 16"],
    ["--pipeline-parallel", "7", "pipeline 7"],
    ["--virtual-stages", "33", undefined],
  ])("are refused with %s %s, which nothing divides", async (option, value, got) => {
    const { code, stderr, stdout } = await runCli([...ASKED, option, value], root);
    if (got === undefined) {
      // Stages that cannot be are left out, and what has no stages is left.
      expect(stdout).not.toMatch(/pp \d/);
      expect(code).toBe(0);
      return;
    }
    expect(stderr).toMatch(
      new RegExp(`^Expected parallelism that divides 8 accelerators .*, 64 heads and 80 layers .*, got "${got}"`),
    );
    expect(code).toBe(2);
  });

  it("tell people what is fastest, what sharing brings, and how sure that is", async () => {
    const text = await printed([...ASKED, "--precision", "float8", "--top", "3"], root);
    expect(text).toMatch(/^2 jobs on 8 x H100 SXM: float8, software as fast as the newest, recorded graphs\n/);
    expect(text).toMatch(/\n\nsplit +jobs +time +within +tokens\/s +memory +twice +at once +goes to\n/);
    expect(text).toMatch(
      /the fastest of each split, 3 of \d+\njobs \w+ take \d+ % less than \w+, each the fastest way\n/,
    );
    expect(text).toContain(
      "fitted to published steps of this model and accelerator; nine of ten within so much of them",
    );
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
    const alone = await printed(["layouts", "one.yaml", ...ASKED.slice(2), "--precision", "float8"], root);
    expect(alone).toMatch(/^1 job on 8 x H100 SXM/);
    expect(alone).toMatch(/\nsplit +time +within +tokens/);
  });

  it("have no room, or are unsupported, and that is said", async () => {
    const none = await runCli(["layouts", "w.yaml", "--accelerator", "L40S", "--count", "1"], root);
    expect(none.code).toBe(1);
    expect(none.stdout).toMatch(
      /layouts, 0 with room in 45\.12 GiB of each accelerator: the least takes \d+\.\d\d GiB\n$/,
    );
    const asked = (...argv: string[]) => runCli(["layouts", "w.yaml", "--count", "8", ...argv], root);
    const four = await asked("--accelerator", "H100 SXM", "--precision", "float4");
    expect(four.stderr).toContain("Expected float4 of H100 SXM in the catalog");
    const other = await asked("--accelerator", "MI300X", "--release", "nemo2-v5.1");
    expect(other.stderr).toContain(
      "a release with published steps on CDNA 3: newest, nemo1-rocm-v5.0, nemo1-rocm-v5.1",
    );
    const unknown = await asked("--accelerator", "H900");
    expect([four.code, other.code, unknown.code]).toEqual([2, 2, 2]);
  });
});
