import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { nativeInfo } from "../../exec/index.ts";
import { type Plan, parsePlan } from "../../plan/index.ts";
import { CLUSTER, WORKLOAD, writeShared } from "./bad-input/bad-input.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();
const NUM_CORES = nativeInfo().cores.length;
const OWN = WORKLOAD.replaceAll("../", "");

function shaped(numLayers: number, vocabularySize: number): string {
  return `kind: workload
version: 1
model: { architecture: { hidden_size: 64, intermediate_size: 128, num_hidden_layers: ${numLayers}, num_attention_heads: 4, vocab_size: ${vocabularySize} } }
defaults: { batchSize: 4, microBatchSize: 2, steps: 2, data: { lengths: 64 } }
jobs: [{ name: a }, { name: b }]
`;
}

beforeAll(() => {
  writeShared(root);
  const long = JSON.stringify({ question: "?".repeat(500), answer: "never" });
  const files = {
    "w.yaml": OWN,
    "wide.yaml": shaped(NUM_CORES + 4, 300),
    "flat.yaml": shaped(1, 300),
    "head.yaml": shaped(12, 4000),
    "dropped.yaml": OWN.replace("path: rows.jsonl }\n    seed", "path: long.jsonl }\n    seed"),
    "lost.yaml": OWN.replace("path: rows.jsonl }\n    seed", "path: lost.jsonl }\n    seed"),
    "lost.jsonl": `${readFileSync(path.join(root, "rows.jsonl"), "utf8")}${`${long}\n`.repeat(13)}`,
    "urgent.yaml": OWN.replace("seed: 1", "priority: 3"),
    "long.jsonl": `${readFileSync(path.join(root, "rows.jsonl"), "utf8")}${long}\n`,
    "short.yaml": shaped(2, 300).replace("lengths: 64 }", "lengths: [40, 100], samples: 10 }, cutoffLength: 50"),
    "joined.yaml": OWN.replace(
      "path: rows.jsonl }\n    seed",
      'path: joined.jsonl, format: instruction, prompt: "{{q}}", response: "{{a}}" }\n    seed',
    ),
    "joined.jsonl": '{"q":"x","a":"a b"}\n{"q":"x\\ud83d","a":"\\ude00 a"}\n',
    "two.yaml": CLUSTER,
    "elsewhere.yaml": CLUSTER.replace("local", "elsewhere").replace(
      "threads: 1 }\n    link",
      "threads: 64 }\n    link",
    ),
    "blocking.yaml": CLUSTER.replace("shared: true", "transfers: blocking"),
    "gpu.yaml": CLUSTER.replace("local", "elsewhere").replaceAll("type: cpu, threads: 1", "type: cuda"),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(root, name), text);
});

async function planned(...argv: readonly string[]): Promise<Plan> {
  await printed(["plan", ...argv, "--no-intervals", "-o", "p.json"], root);
  return parsePlan(readFileSync(path.join(root, "p.json"), "utf8"), "p.json");
}

function names({ devices }: Plan): readonly string[] {
  return devices.map(({ name }) => name);
}

function firstCores(count: number): readonly string[] {
  return Array.from({ length: count }, (_, core) => `cpu:${core}`);
}

describe("without devices a plan takes every core", () => {
  it("one device a core, as the list of them all", async () => {
    const plan = await planned("wide.yaml");
    expect(names(plan)).toEqual(firstCores(NUM_CORES));
    expect(await planned("wide.yaml", "--devices", firstCores(NUM_CORES).join())).toEqual(plan);
  });

  it("but no more than the model has layers, with the memory that these have then", async () => {
    const plan = await planned("flat.yaml");
    expect(plan).toEqual(await planned("flat.yaml", "--devices", "cpu:0"));
  });

  it("and the same where the list is cpu", async () => {
    expect(await planned("wide.yaml", "--devices", "cpu")).toEqual(await planned("wide.yaml"));
    const { stderr } = await runCli(["plan", "wide.yaml", "--devices", "cpu"], root);
    expect(stderr).toMatch(/^Note: --devices cpu: cpu:0.*cores? of this machine\.$/m);
  });

  it.runIf(NUM_CORES > 1)("and where fewer are chosen it is said which idle, by plan and by train", async () => {
    const says =
      /^Note: 1 of this machine's \d+ cores is used, cpu:0; cpu:1.* idles?\. .* `--devices cpu` takes every core\.$/m;
    expect((await runCli(["plan", "w.yaml", "--devices", "cpu:0", "-o", "one.json"], root)).stderr).toMatch(says);
    expect((await runCli(["train", "one.json", "-o", "one"], root)).stderr).toMatch(says);
    const all = firstCores(NUM_CORES).join();
    expect((await runCli(["plan", "wide.yaml", "--devices", all], root)).stderr).not.toMatch(/idle/);
  });

  it("and says so on stderr, unless --quiet or --devices says which", async () => {
    const says = /^Note: no devices given: cpu:0.*--devices or --cluster chooses others\.$/m;
    const { stdout, stderr } = await runCli(["plan", "wide.yaml", "--json"], root);
    expect(stderr).toMatch(says);
    expect(JSON.parse(stdout)).toMatchObject({ devices: expect.anything() });
    expect((await runCli(["plan", "flat.yaml"], root)).stderr).toMatch(says);
    expect((await runCli(["plan", "wide.yaml", "--quiet"], root)).stderr).toBe("");
    expect((await runCli(["plan", "wide.yaml", "--devices", "cpu:0"], root)).stderr).not.toMatch(says);
  });

  it("balanced by nominal times, in which embedding and head count", async () => {
    writeFileSync(path.join(root, "pair.yaml"), CLUSTER.replace("local", "elsewhere"));
    const layersOf = ({ stages }: Plan): readonly number[] => stages.map((stage) => stage.endLayer - stage.firstLayer);
    const [light, heavy] = [
      layersOf(await planned("wide.yaml", "--cluster", "pair.yaml", "--pipelines", "1")),
      await planned("head.yaml", "--cluster", "pair.yaml", "--pipelines", "1"),
    ];
    expect(Math.abs(light[0]! - light[1]!)).toBeLessThanOrEqual(1);
    const [first, last] = layersOf(heavy) as [number, number];
    expect(first).toBeGreaterThan(last + 2);
    const { devices } = JSON.parse(await printed(["simulate", "p.json", "--json"], root)) as {
      readonly devices: readonly { readonly busySeconds: number }[];
    };
    const layer = devices[0]!.busySeconds / first;
    expect(Math.abs(devices[0]!.busySeconds - devices[1]!.busySeconds)).toBeLessThanOrEqual(layer);
  });
});

it("a job of which most rows would be dropped is refused, with the place", async () => {
  const { code, stderr } = await runCli(["plan", "lost.yaml"], root);
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /lost\.yaml:\d+:\d+: Expected a cutoffLength that leaves something to score in at least half of the rows at .*cutoffLength, got "\d+, which leaves nothing in 13 of 25 rows"/,
  );
});

describe("what a person would want to know is said on stderr, terminal or not", () => {
  it.each([
    [
      "rows that were cut",
      ["plan", "dropped.yaml"],
      /^Warning: first: 1 of 13 rows dropped, the cutoff left nothing to score$/m,
    ],
    [
      "and when they are only checked",
      ["validate", "dropped.yaml"],
      /^Warning: first: 1 of 13 rows dropped, the cutoff left nothing to score$/m,
    ],
    ...(["plan", "simulate", "estimate", "validate"] as const).map(
      (command) =>
        [
          `lengths that a cutoffLength cuts: ${command}`,
          [command, "short.yaml"],
          /^Warning: a, b: 5 of 10 lengths cut to the cutoffLength of 50 tokens, 35\.7 % of their tokens$/m,
        ] as const,
    ),
    [
      "rows in which a token spans prompt and response",
      ["validate", "joined.yaml"],
      /^Warning: first: in 1 of 2 rows a token begins in the prompt and ends in the response, and is scored with it; /m,
    ],
    ["times that are nominal", ["plan", "w.yaml"], /^Note: no calibration given: times are from nominal figures/m],
    ["priorities without a scheduler", ["plan", "urgent.yaml"], /^Note: priority of first is not used/m],
    [
      "links that are simulated only",
      ["train", "w.yaml", "--cluster", "two.yaml", "-o", "run", "--overwrite"],
      /^Note: what the cluster file says of links \(local\) decides predicted times only/m,
    ],
  ] as const)("%s", async (_, argv, says) => {
    const { code, stderr, stdout } = await runCli(argv, root);
    expect(stderr).toMatch(says);
    expect(stdout).not.toMatch(/Note: |Warning: /);
    expect(code).toBe(0);
    // Quiet is without notes, and with warnings.
    const warnings = stderr.split("\n").filter((line) => line.startsWith("Warning: "));
    expect((await runCli([...argv, "--quiet"], root)).stderr).toBe(warnings.map((line) => `${line}\n`).join(""));
    const { stdout: document } = await runCli([...argv, "--json"], root);
    expect(() => JSON.parse(document)).not.toThrow();
  });
});

describe("devices that are not here", () => {
  it("are refused by plan in machine local", async () => {
    const { code, stderr } = await runCli(["plan", "w.yaml", "--devices", "cpu:4096"], root);
    expect(stderr).toMatch(
      /^Expected .*core.*, got "cpu:4096"\.\nHint: .*`loratwin devices`.*machine that is not called local\.\n$/,
    );
    expect(code).toBe(3);
  });

  it("are planned and simulated in a machine of another name, and refused by train before it writes anything", async () => {
    await planned("w.yaml", "--cluster", "elsewhere.yaml");
    await printed(["simulate", "p.json"], root);
    for (const given of [["p.json"], ["w.yaml", "--cluster", "elsewhere.yaml"]]) {
      const { code, stdout, stderr } = await runCli(["train", ...given, "-o", "never"], root);
      expect(stderr).toMatch(
        /^Expected devices of one machine, this one, which a cluster file calls local, at cpu:0, got "machine elsewhere"\.$/m,
      );
      expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    }
    expect(existsSync(path.join(root, "never"))).toBe(false);
  });

  it("are no GPUs of this machine in another one", async () => {
    const { code, stderr } = await runCli(["plan", "w.yaml", "--cluster", "gpu.yaml"], root);
    expect(stderr).toMatch(
      /gpu\.yaml:4:5: Expected machine local for a GPU of type cuda.* at machines\[0\]\.name, got "elsewhere"/,
    );
    expect(code).toBe(2);
  });
});

it("a plan of an architecture alone is refused by train before it makes a folder", async () => {
  await planned("flat.yaml");
  const { code, stderr } = await runCli(["train", "p.json", "-o", "never"], root);
  expect(stderr).toMatch(/Expected a model folder to train at model/);
  expect(code).toBe(2);
  expect(existsSync(path.join(root, "never"))).toBe(false);
});

it("links that block are simulated, and refused by train", async () => {
  await planned("w.yaml", "--cluster", "blocking.yaml", "--pipelines", "1");
  await printed(["simulate", "p.json"], root);
  const { code, stderr } = await runCli(["train", "p.json", "-o", "never"], root);
  expect(stderr).toMatch(
    /^Expected transfers that do not block their receiver between cpu:0 and cpu:1, got "blocking"\.\nHint: /,
  );
  expect(code).toBe(2);
});
