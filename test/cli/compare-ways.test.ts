import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { sum } from "../../core/index.ts";
import { COMPARISON_SCHEDULES, type StrategyRow } from "../../studies/index.ts";
import type { ComparedWays } from "../../traces/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const folder = temporaryFolder();
const WORKLOAD = `
kind: workload
version: 1
model: { architecture: tinyllama-1.1b, dtype: bfloat16 }
jobs:
  - name: a
    adapter: { rank: 8, alpha: 16, targets: [q_proj, v_proj] }
    batchSize: 4
    microBatchSize: 2
    steps: 2
    data: { lengths: { distribution: uniform, min: 20, max: 400 }, samples: 50 }
`;
const CLUSTER = `
kind: cluster
version: 1
machines:
  - name: box
    devices: [{ name: g0, type: RTX 4090 }, { name: g1, type: RTX 4090 }]
`;
writeFileSync(path.join(folder, "w.yaml"), WORKLOAD);
writeFileSync(path.join(folder, "c.yaml"), CLUSTER);
const ON = ["--cluster", "c.yaml"];

const json = async (...args: readonly string[]) => JSON.parse(await printed([...args, "--json"], folder));
const compared = (...given: readonly string[]): Promise<ComparedWays> =>
  json("compare", ...given, "--workload", "w.yaml", ...ON, "--recompute", "none");

test("any two rows of strategies are told apart by causes, as compare tells those that are simulated only", async () => {
  const { strategies, compared: pair } = (await json("strategies", "w.yaml", ...ON, "--compare", "2,1")) as {
    readonly strategies: readonly StrategyRow[];
    readonly compared: ComparedWays & { readonly rows: readonly number[] };
  };
  expect(pair.rows).toEqual([2, 1]);
  const ns = strategies.slice(0, 2).map(({ makespanSeconds }) => Math.round(makespanSeconds * 1e9));
  expect(pair.makespan).toEqual({ ns: [ns[1], ns[0]], differenceNs: ns[0]! - ns[1]! });
  expect(sum(pair.causes.map(({ differenceNs }) => differenceNs))).toBe(pair.makespan.differenceNs);
  for (const schedule of COMPARISON_SCHEDULES) {
    const row = strategies.find(({ strategy, recompute }) => strategy === schedule && recompute === "none")!;
    const { ways, causes } = await compared("tp", schedule);
    expect(ways[1]).toMatchObject({ schedule, numPipelines: null, numGroups: null, criticalPath: row.criticalPath });
    const own = causes.flatMap(({ cause, tokens, ns: [, its] }) =>
      its === 0 ? [] : [{ cause, ...(tokens === undefined ? {} : { tokens }), ns: its }],
    );
    expect(own).toEqual(row.causes);
  }
  const text = await printed(["strategies", "w.yaml", ...ON, "--compare", "1,2"], folder);
  expect(text).toMatch(/^row 1: lorapp, recompute none$/m);
  expect(text).toMatch(/^the whole run .* s$/m);
});

test("a plan is told apart from a schedule that is simulated only", async () => {
  await printed(["plan", "w.yaml", ...ON, "--no-intervals", "-o", "p.json"], folder);
  const { ways, makespan, causes } = await compared("p.json", "fsdp");
  expect(ways[1].schedule).toBe("fsdp");
  expect(sum(causes.map(({ differenceNs }) => differenceNs))).toBe(makespan.differenceNs);
  const back = await compared("fsdp", "p.json");
  expect(back.makespan.differenceNs).toBe(0 - makespan.differenceNs);
  const text = await printed(["compare", "p.json", "ddp", "--workload", "w.yaml", ...ON], folder);
  expect(text).toMatch(/^ddp: ddp, simulated only$/m);
});

test("overlap can be switched off for both ways, and base weights trained where there is no plan", async () => {
  await printed(["plan", "w.yaml", ...ON, "--no-intervals", "-o", "p.json"], folder);
  for (const given of [
    ["fsdp", "zb-h1"],
    ["p.json", "fsdp"],
  ]) {
    const [both, apart] = [await compared(...given), await compared(...given, "--no-overlap")];
    expect(sum(apart.causes.map(({ differenceNs }) => differenceNs))).toBe(apart.makespan.differenceNs);
    const simulated = given.map((what) =>
      what === "p.json"
        ? json("simulate", what, "--no-intervals", "--no-overlap")
        : json(
            "simulate",
            "w.yaml",
            ...ON,
            "--schedule",
            what,
            "--recompute",
            "none",
            "--no-intervals",
            "--no-overlap",
          ),
    );
    const seconds = (await Promise.all(simulated)).map(({ makespanSeconds }) => makespanSeconds * 1e9);
    apart.makespan.ns.forEach((ns, way) => {
      expect(ns).toBe(Math.round(seconds[way]!));
      expect(ns).toBeGreaterThan(both.makespan.ns[way]!);
    });
    // Messages and collectives are told as such, in a plan too.
    for (const way of [0, 1] as const)
      expect(apart.causes.find(({ cause, ns }) => cause === "between" && ns[way] > 0)).toBeUndefined();
  }
  const { ways, causes } = await compared("tp", "ddp", "--full");
  expect(ways.map(({ schedule }) => schedule)).toEqual(["tp", "ddp"]);
  expect(causes.find(({ cause }) => cause === "weight gradients")!.ns.every((ns) => ns > 0)).toBe(true);
  const argv = ["compare", "p.json", "ddp", "--workload", "w.yaml", ...ON, "--full"];
  expect((await runCli(argv, folder)).stderr).toMatch(/ddp trains the base model's weights, and the plan adapters\./);
  await printed(["plan", "w.yaml", "--devices", "RTX 4090", "--no-intervals", "-o", "alone.json"], folder);
  const { stderr } = await runCli(["compare", "alone.json", "ddp", "--workload", "w.yaml", ...ON], folder);
  expect(stderr).toMatch(/alone\.json trains on 1 device, and ddp on 2\./);
});

test.each([
  [["compare", "p.json", "fsdp"], /Expected a value for --workload/],
  [["compare", "tp", "nothing.json", "--workload", "w.yaml", ...ON], /nothing.json/],
  [["compare", "tp", "fsdp", "--workload", "w.yaml"], /GPUs of the catalog/],
  [["compare", "tp", "fsdp", "--workload", "w.yaml", ...ON, "--max-error", "1"], /--max-error/],
  [["strategies", "w.yaml", ...ON, "--compare", "1"], /two rows of the table/],
  [["strategies", "w.yaml", ...ON, "--compare", "1,2,3"], /two rows of the table/],
  [["strategies", "w.yaml", ...ON, "--compare", "0,1"], /two rows of the table/],
  [["strategies", "w.yaml", ...ON, "--compare", "1,1.5"], /two rows of the table/],
  [["strategies", "w.yaml", ...ON, "--compare", "1,999"], /rows of the table, from 1 to \d+, at --compare, got 999/],
])("%j is refused in words", async (args, expected) => {
  const { code, stderr } = await runCli(args as readonly string[], folder);
  expect(stderr).toMatch(expected);
  expect(code).toBe(2);
});
