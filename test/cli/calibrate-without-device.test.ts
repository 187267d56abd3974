import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, test } from "vitest";
import { CATALOG, calibrationSchema, type LayersCalibration, parseDocument } from "../../plan/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const folder = temporaryFolder();

const WORKLOAD = `kind: workload
version: 1
model: { architecture: tinyllama-1.1b, dtype: bfloat16 }
defaults: { batchSize: 8, microBatchSize: 2, steps: 4, data: { lengths: 512, samples: 16 } }
jobs: [{ name: a }, { name: b }]
`;

beforeAll(() => {
  const devices = Array.from({ length: 4 }, (_, index) => `{ name: g${index}, type: "RTX A6000" }`).join(", ");
  const files = {
    "w.yaml": WORKLOAD,
    "small.yaml": WORKLOAD.replace("microBatchSize: 2", "microBatchSize: 1"),
    "four.yaml": `kind: cluster\nversion: 1\nmachines:\n  - { name: box, devices: [${devices}], link: { type: pcie4x16 } }\n`,
    "constant.yaml": "kind: calibration\nversion: 1\nmodel: constant\nseconds: { F: 1, B: 2 }\n",
    "roofline.yaml":
      "kind: calibration\nversion: 1\nmodel: roofline\ncomputeEfficiency: 0.5\nmemoryEfficiency: 0.7\nlaunchSeconds: 1.0e-5\n",
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
});

const OBSERVE = ["calibrate", "--from-observation", "w.yaml", "--cluster", "four.yaml"] as const;

function layersIn(name: string): LayersCalibration {
  const file = path.join(folder, name);
  const calibration = parseDocument(calibrationSchema, readFileSync(file, "utf8"), file);
  if (calibration.model !== "layers") throw new Error(`${name} is a ${calibration.model} calibration`);
  return calibration;
}

async function rateOf(strategy: string, calibration: string, workload = "w.yaml"): Promise<number> {
  const args = ["strategies", workload, "--cluster", "four.yaml", "--calibration", calibration, "--json"];
  const { strategies } = JSON.parse(await printed(args, folder)) as {
    readonly strategies: readonly { readonly strategy: string; readonly tokensPerSecond: number }[];
  };
  return strategies.find((row) => row.strategy === strategy)!.tokensPerSecond;
}

test("one observation is met exactly, by calibrate as by strategies, and says nothing of its error", async () => {
  const text = await printed([...OBSERVE, "--observed", "ddp=20000", "-o", "one.json"], folder);
  expect(text).toMatch(/1 parameter from 1 observation: computeEfficiency 0\.\d+/);
  expect(text).toContain("As many parameters as observations");
  expect(await rateOf("ddp", "one.json")).toBeCloseTo(20000, 0);
  await printed(
    ["strategies", "w.yaml", "--cluster", "four.yaml", "--observed", "ddp=20000", "-o", "same.json"],
    folder,
  );
  expect(layersIn("same.json")).toEqual(layersIn("one.json"));
});

test("an observation may be the seconds of one step of one job", async () => {
  await printed([...OBSERVE, "--observed", `ddp=${(8 * 512) / 20000}s`, "-o", "seconds.json"], folder);
  expect(layersIn("seconds.json").computeEfficiency).toBeCloseTo(layersIn("one.json").computeEfficiency, 9);
});

test("several observations are fitted together, with what is left of each and the error of those left out", async () => {
  const observed = ["--observed", "ddp=20000", "--observed", "1f1b=11000", "--observed", "tp=9000"];
  const document = JSON.parse(await printed([...OBSERVE, ...observed, "-o", "three.json", "--json"], folder)) as {
    readonly calibration: LayersCalibration;
    readonly fitted: Readonly<Record<string, number>>;
    readonly observations: readonly { readonly name: string; readonly predicted: number; readonly measured: number }[];
    readonly leftOutError: number;
  };
  expect(Object.keys(document.fitted)).toEqual(["computeEfficiency"]);
  expect(document.observations.map(({ name, measured }) => `${name}=${measured}`)).toEqual([
    "ddp=20000",
    "1f1b=11000",
    "tp=9000",
  ]);
  const logs = document.observations.map(({ predicted, measured }) => Math.log(predicted / measured));
  // Least squares: some above, some below.
  expect(Math.min(...logs)).toBeLessThan(0);
  expect(Math.max(...logs)).toBeGreaterThan(0);
  expect(document.calibration.meanError).toBe(document.leftOutError);
  expect(layersIn("three.json")).toEqual(document.calibration);
});

test("two parameters come back from rates that they made, where the rates can tell them apart", {
  tags: ["slow"],
}, async () => {
  const truth = { ...layersIn("one.json"), computeEfficiency: 0.4, launchSeconds: 6e-4 };
  writeFileSync(path.join(folder, "truth.json"), JSON.stringify(truth));
  const observed: string[] = [];
  for (const strategy of ["ddp", "gpipe", "tp"])
    observed.push("--observed", `${strategy}=${await rateOf(strategy, "truth.json", "small.yaml")}`);
  const alike = await runCli([...OBSERVE, ...observed, "--fit-launch"], folder);
  expect(alike.code).toBe(2);
  expect(alike.stderr).toMatch(/observations that tell the launch time from the share of the peak at --observed/);
  const small = ["calibrate", "--from-observation", "small.yaml", "--cluster", "four.yaml"];
  await printed([...small, ...observed, "--fit-launch", "-o", "back.json"], folder);
  expect(layersIn("back.json").computeEfficiency).toBeCloseTo(0.4, 3);
  expect(layersIn("back.json").launchSeconds).toBeCloseTo(6e-4, 6);
});

test("a layers calibration goes to another device with a wider error, a roofline one as it is", async () => {
  const text = await printed(["calibrate", "--transfer", "three.json", "--to", "H100 SXM", "-o", "h100.json"], folder);
  expect(text).toMatch(
    /^transferred to H100 SXM from .*: about \d+ % off, \d+ % where it was fitted\nwritten to h100\.json/,
  );
  const [from, to] = [layersIn("three.json"), layersIn("h100.json")];
  expect(to).toMatchObject({ computeEfficiency: from.computeEfficiency, launchSeconds: from.launchSeconds });
  expect(to.meanError).toBeCloseTo(Math.hypot(from.meanError, 0.25), 12);
  expect(await printed(["calibrate", "--transfer", "roofline.yaml", "--to", "H100 SXM"], folder)).toContain(
    "says nothing of its error",
  );
});

test("inside a generation speed goes with the square root of board power, whatever the peaks are", async () => {
  const base = ["calibrate", "--transfer", "h100.json", "--of", "H100 SXM", "--to"];
  const text = await printed([...base, "H100 PCIe", "-o", "pcie.json"], folder);
  expect(text).toMatch(/^transferred to H100 PCIe from .*, by board power: about/);
  const [from, to] = [layersIn("h100.json"), layersIn("pcie.json")];
  const [sxm, pcie] = ["H100 SXM", "H100 PCIe"].map((name) => CATALOG.devices[name]!);
  const flops = ({ computeEfficiency, kernels }: typeof from, name: string, device: typeof sxm) =>
    computeEfficiency * kernels![name]!.products.computeShare * device!.bfloat16FlopsPerSecond!.value;
  const power = Math.sqrt(pcie!.watts!.value / sxm!.watts!.value);
  expect(power).toBeLessThan(0.8);
  expect(flops(to, "H100 PCIe", pcie) / flops(from, "H100 SXM", sxm)).toBeCloseTo(power, 12);
  expect(to.meanError).toBeCloseTo(Math.hypot(from.meanError, 0.06), 12);
  const other = await runCli([...base, "A100 SXM 80"], folder);
  expect([other.code, other.stderr]).toEqual([
    2,
    expect.stringMatching(
      /Expected a device of A100 SXM 80's generation \(Ampere\) at --of, got "H100 SXM, of Hopper"/,
    ),
  ]);
});

test.each([
  [
    "a calibration that holds times",
    ["calibrate", "--transfer", "constant.yaml", "--to", "H100 SXM"],
    /a layers or roofline calibration, which holds shares of a device's peaks, at --transfer, got "constant"/,
  ],
  [
    "a device that is not in the catalog",
    ["calibrate", "--transfer", "roofline.yaml", "--to", "H9000"],
    /a device of the catalog at --to, got "H9000"/,
  ],
  ["no device to transfer to", ["calibrate", "--transfer", "roofline.yaml"], /a value at to/],
  ["no observation", [...OBSERVE], /at least one --observed STRATEGY=TOKENS_PER_SECOND at --from-observation/],
  [
    "an observation without its workload",
    ["calibrate", "--observed", "ddp=3"],
    /--from-observation for --observed ddp=3, got "a general set of shapes"/,
  ],
  [
    "an unknown strategy",
    [...OBSERVE, "--observed", "magic=3"],
    /STRATEGY=TOKENS_PER_SECOND, or STRATEGY=SECONDSs .* at --observed, got "magic=3"/,
  ],
  [
    "fewer observations than parameters",
    [...OBSERVE, "--observed", "ddp=3000", "--fit-launch"],
    /at least 2 observations for computeEfficiency and launchSeconds at --observed, got 1/,
  ],
  [
    "a rate out of reach",
    [...OBSERVE, "--observed", "ddp=1e9"],
    /between \d+ and \d+ tokens\/s for ddp, got 1000000000/,
  ],
])("calibrate refuses %s", async (_, args, message) => {
  const { code, stderr } = await runCli(args, folder);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
});
