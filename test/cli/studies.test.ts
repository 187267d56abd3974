import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, test } from "vitest";
import { calibrationSchema, parseDocument } from "../../plan/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const WORKLOAD = `kind: workload
version: 1
model: { architecture: llama-2-7b, dtype: bfloat16 }
defaults: { batchSize: 8, microBatchSize: 2, steps: 4, data: { lengths: 512, samples: 16 } }
jobs: [{ name: a }, { name: b }]
`;

function cluster(types: readonly string[], link = "{ type: pcie4x16 }"): string {
  const devices = types.map((type, index) => `{ name: g${index}, type: "${type}" }`).join(", ");
  return `kind: cluster\nversion: 1\nmachines:\n  - { name: box, devices: [${devices}], link: ${link} }\n`;
}

const folder = temporaryFolder();

beforeAll(() => {
  const files = {
    "w.yaml": WORKLOAD,
    "four.yaml": cluster(["RTX A6000", "RTX A6000", "RTX A6000", "RTX A6000"]),
    "nvlink.yaml": cluster(["H100 SXM", "H100 SXM", "H100 SXM", "H100 SXM"], "{ type: nvlink4 }"),
    "mixed.yaml": cluster(["RTX A6000", "L40S"]),
    "constant.yaml": "kind: calibration\nversion: 1\nmodel: constant\nseconds: { F: 1, B: 2 }\n",
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
});

interface Strategies {
  readonly calibration: { readonly meanError: number };
  readonly strategies: readonly {
    readonly strategy: string;
    readonly recompute: string;
    readonly pipelines: number | null;
    readonly fits: boolean;
    readonly tokensPerSecond: number;
  }[];
}

async function strategies(...args: readonly string[]): Promise<Strategies> {
  return JSON.parse(await printed(["strategies", "w.yaml", ...args, "--json"], folder)) as Strategies;
}

test("strategies compares every way to train the jobs, and says of each whether it fits", async () => {
  const { strategies: rows, calibration } = await strategies("--cluster", "four.yaml");
  const names = rows.filter(({ recompute }) => recompute === "none").map(({ strategy }) => strategy);
  expect(names).toEqual(["lorapp", "lorapp", "1f1b", "gpipe", "tp", "fsdp", "ddp", "interleaved", "zb-h1"]);
  expect(rows.slice(0, 3).map(({ pipelines }) => pipelines)).toEqual([1, 2, 1]);
  expect(rows).toHaveLength(18);
  expect(calibration.meanError).toBeGreaterThan(0);
  const full = await strategies("--cluster", "four.yaml", "--full");
  expect(full.strategies.find(({ strategy }) => strategy === "ddp")!.fits).toBe(false);
  expect(full.strategies.some(({ strategy }) => strategy.startsWith("lorapp"))).toBe(false);
});

test("a calibration that catalog writes is read back by strategies and simulate", { tags: ["slow"] }, async () => {
  const text = await printed(["catalog", "H100 SXM", "--calibration", "h100.json"], folder);
  expect(text).toMatch(/^h100\.json: kernels timed on H100 SXM; LoRA layers timed on H100 SXM; about 6\.0 % off/);
  const file = path.join(folder, "h100.json");
  expect(parseDocument(calibrationSchema, readFileSync(file, "utf8"), file).model).toBe("layers");
  const given = await strategies("--cluster", "nvlink.yaml", "--calibration", "h100.json");
  expect(given).toEqual(await strategies("--cluster", "nvlink.yaml"));
  const simulated = ["simulate", "w.yaml", "--cluster", "nvlink.yaml", "--calibration", "h100.json", "--json"];
  const { makespanSeconds } = JSON.parse(await printed(simulated, folder)) as { readonly makespanSeconds: number };
  expect(makespanSeconds).toBeGreaterThan(0);
});

test("one observed rate gives the share of the peak, and the calibration predicts that rate again", {
  tags: ["slow"],
}, async () => {
  await printed(
    ["strategies", "w.yaml", "--cluster", "four.yaml", "--observed", "1f1b=5000", "-o", "seen.json"],
    folder,
  );
  const rows = (await strategies("--cluster", "four.yaml", "--calibration", "seen.json")).strategies;
  const row = rows.find(({ strategy, recompute }) => strategy === "1f1b" && recompute === "none")!;
  expect(row.tokensPerSecond).toBeCloseTo(5000, 1);
});

test.each([
  [
    "a rate that no share of the peak gives",
    ["--cluster", "four.yaml", "--observed", "1f1b=1e9"],
    /between \d+ and \d+ tokens\/s for 1f1b, got 1000000000/,
  ],
  [
    "an unknown strategy",
    ["--cluster", "four.yaml", "--observed", "magic=3"],
    /STRATEGY=TOKENS_PER_SECOND, .* with one of lorapp, .* at --observed/,
  ],
  ["unequal devices", ["--cluster", "mixed.yaml"], /devices that are all RTX A6000 at --cluster, got "L40S"/],
  [
    "another kind of calibration",
    ["--cluster", "four.yaml", "--calibration", "constant.yaml"],
    /a layers calibration at --calibration, got "constant"/,
  ],
])("strategies refuses %s", async (_, args, message) => {
  const { code, stderr } = await runCli(["strategies", "w.yaml", ...args], folder);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

test("paper prints every cell with its error, names its calibration cells and ends with the orderings; -o makes a page", {
  tags: ["slow"],
}, async () => {
  const written = await printed(["paper", "-o", "paper.html"], folder);
  expect(written).toMatch(/\npage written to paper\.html\n$/);
  const page = readFileSync(path.join(folder, "paper.html"), "utf8");
  expect(page).toContain("Content-Security-Policy");
  expect(page).toContain('"model":"llama-2-13b","system":"fsdp"');
  const text = written.replace("\npage written to paper.html", "");
  expect(text).toContain("Fig. 7, llama-2-13b, fsdp, hours");
  expect(text).toMatch(/calibrated on:\n {2}Fig\. 7, tinyllama-1\.1b, lorapp with 4, hours\n/);
  expect(text).toMatch(/orderings: (\d+) of \1 hold\n/);
  expect(text.trimEnd().endsWith("every ordering and every out of memory is as published")).toBe(true);
});
