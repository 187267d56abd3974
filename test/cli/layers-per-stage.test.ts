import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, test } from "vitest";
import { parsePlan } from "../../plan/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();

const WORKLOAD = `kind: workload
version: 1
model: { architecture: tinyllama-1.1b, dtype: bfloat16 }
defaults: { batchSize: 4, microBatchSize: 2, steps: 2, data: { lengths: 64 } }
jobs: [{ name: first }, { name: second, arrivalSeconds: 0 }]
`;

const CLUSTER = `kind: cluster
version: 1
machines:
  - name: box
    devices: [${[0, 1, 2, 3].map((device) => `{ name: g${device}, type: L40S }`).join(", ")}]
`;

beforeAll(() => {
  writeFileSync(path.join(root, "w.yaml"), WORKLOAD);
  writeFileSync(path.join(root, "c.yaml"), CLUSTER);
});

const ON_GPUS = ["w.yaml", "--cluster", "c.yaml"];

/** Pipelines of a plan, each as the layers of its stages. */
async function layersOf(...options: readonly string[]): Promise<readonly (readonly number[])[]> {
  await printed(["plan", ...ON_GPUS, ...options, "-o", "p.json"], root);
  const { stages, pipelines } = parsePlan(readFileSync(path.join(root, "p.json"), "utf8"), "p.json");
  return pipelines.map(({ firstStage, endStage }) =>
    stages.slice(firstStage, endStage).map(({ firstLayer, endLayer }) => endLayer - firstLayer),
  );
}

test("stages have the layers that they are given, in as many pipelines as have so many stages", async () => {
  expect(await layersOf("--layers-per-stage", "10,6,4,2")).toEqual([[10, 6, 4, 2]]);
  expect(await layersOf("--layers-per-stage", "20,2")).toEqual([
    [20, 2],
    [20, 2],
  ]);
  expect(await layersOf("--layers-per-stage", "20,2", "--pipelines", "2")).toHaveLength(2);
});

test("so have those of jobs over time", async () => {
  const simulate = (layers: string) =>
    printed(["simulate", ...ON_GPUS, "--policy", "fifo", "--layers-per-stage", layers, "--json"], root);
  const [even, uneven] = [await simulate("6,6,5,5"), await simulate("19,1,1,1")].map((text) => JSON.parse(text));
  expect(uneven.makespanSeconds).toBeGreaterThan(1.5 * even.makespanSeconds);
});

test.each([
  ["10,6,4", [], /22 layers on 4 stages, at least one on each, at --layers-per-stage, got "10,6,4"/],
  ["10,6,4,3", [], /22 layers on 4 stages.*got "10,6,4,3"/],
  ["11,11", ["--pipelines", "1"], /22 layers on 4 stages.*got "11,11"/],
  ["8,x,8,8", [], /whole numbers of at least 1 with commas between them, such as 8,8,8,8, at --layers-per-stage/],
  ["8,0,7,7", [], /whole numbers of at least 1/],
] as const)("layers that are not all layers, on all stages, are refused: %s", async (layers, more, says) => {
  const { code, stderr } = await runCli(["plan", ...ON_GPUS, "--layers-per-stage", layers, ...more], root);
  expect(stderr).toMatch(says);
  expect(code).toBe(2);
});
