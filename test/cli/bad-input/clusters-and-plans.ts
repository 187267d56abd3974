import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { contentHash } from "../../../core/index.ts";
import type { Plan } from "../../../plan/index.ts";
import { printed } from "../run-cli.ts";
import { type BadInput, CALIBRATION, CLUSTER, edited, PLAN_IT, WORKLOAD, workload } from "./bad-input.ts";

const BASE = { "w.yaml": WORKLOAD };
const ON_CLUSTER = ["plan", "w.yaml", "--cluster", "c.yaml"] as const;
const COSTED = ["plan", "w.yaml", "--calibration", "k.yaml"] as const;

function cluster(name: string, from: string, to: string, ...says: readonly RegExp[]): BadInput {
  return { name, files: { ...BASE, "c.yaml": edited(CLUSTER, from, to) }, argv: ON_CLUSTER, says };
}

function calibration(name: string, from: string, to: string, ...says: readonly RegExp[]): BadInput {
  return { name, files: { ...BASE, "k.yaml": edited(CALIBRATION, from, to) }, argv: COSTED, says };
}

function option(name: string, argv: readonly string[], ...says: readonly RegExp[]): BadInput {
  return { name, files: BASE, argv, says };
}

/** A plan that is changed after it was made; with `sealed` its hash is made to agree. */
function changedPlan(change: (plan: Plan) => object, sealed: boolean): (folder: string) => Promise<void> {
  return async (folder) => {
    await printed(["plan", "w.yaml", "--devices", "cpu:0,cpu:1", "-o", "p.json"], folder);
    const file = path.join(folder, "p.json");
    const { hash, locations, ...body } = JSON.parse(readFileSync(file, "utf8")) as Plan;
    const changed = { ...body, ...change({ ...body, hash, locations }) };
    writeFileSync(file, JSON.stringify({ ...changed, hash: sealed ? contentHash(changed) : hash, locations }, null, 1));
  };
}

function swapped(actions: readonly (readonly string[])[], stage: number, first: number, second: number): string[][] {
  const orders = actions.map((order) => [...order]);
  const order = orders[stage]!;
  [order[first], order[second]] = [order[second]!, order[first]!];
  return orders;
}

const MEASURED = `kind: calibration
version: 1
model: measured
device: { type: cpu, description: hand-made, threads: 1, devicesAtOnce: 1 }
date: "2026-01-01"
dtype: float32
operators:
  - { operator: "nothing:F", coefficients: { calls: 1 }, samples: 1, meanAbsError: 0, residualSpread: 0 }
actionSeconds: { F: 0, B: 0, U: 0 }
link: { latencySeconds: 0, secondsPerByte: 0 }
holdOut: { points: 0, meanAbsError: 0, p90AbsError: 0 }
samplesHash: none
`;

const TWO_MACHINES = edited(
  CLUSTER,
  '      - { name: "cpu:1", type: cpu, threads: 1 }\n    link: { type: host, shared: true }',
  '  - name: other\n    devices: [{ name: "cpu:1", type: cpu }]',
);

/** Clusters, calibrations, catalogs, options and plans. */
export const BAD_CLUSTERS_AND_PLANS: readonly BadInput[] = [
  cluster(
    "an unknown key of a cluster",
    "machines:",
    "maschines:",
    /c\.yaml:3:1: /,
    /at maschines/,
    /Did you mean machines\?/,
  ),
  cluster(
    "an unknown key of a device",
    "threads: 1 }",
    "thread: 1 }",
    /c\.yaml:6:37: /,
    /at machines\[0\]\.devices\[0\]\.thread,/,
    /Did you mean threads\?/,
  ),
  cluster(
    "an unknown key of a link",
    "shared: true",
    "share: true",
    /c\.yaml:8:25: /,
    /at machines\[0\]\.link\.share,/,
    /Did you mean shared\?/,
  ),
  cluster(
    "an unknown device type",
    "type: cpu, threads: 1 }",
    "type: RTX 9999, threads: 1 }",
    /c\.yaml:6:\d+: /,
    /a device type of the catalog at machines\[0\]\.devices\[0\]\.type, got "RTX 9999"/,
    /RTX A6000/,
  ),
  cluster(
    "a device without type and figures",
    "type: cpu, ",
    "",
    /c\.yaml:6:\d+: /,
    /a type, or memoryBytes.* at machines\[0\]\.devices\[0\]/,
  ),
  cluster(
    "a device name twice",
    "cpu:1",
    "cpu:0",
    /c\.yaml:7:\d+: /,
    /names that are all different at machines\[0\]\.devices\[1\]\.name, got "cpu:0"/,
  ),
  cluster(
    "an unknown link type",
    "type: host",
    "type: carrier-pigeon",
    /c\.yaml:8:\d+: /,
    /a link type of the catalog.* at machines\[0\]\.link\.type, got "carrier-pigeon"/,
  ),
  {
    name: "machines without a network",
    files: { ...BASE, "c.yaml": TWO_MACHINES },
    argv: ON_CLUSTER,
    says: [/c\.yaml: /, /a network between machines.* at network/],
  },
  cluster(
    "a bandwidth of 0",
    "    link:",
    "network: { bandwidthBytesPerSecond: 0 }\n#",
    /c\.yaml:8:12: /,
    /more than 0 at network\.bandwidthBytesPerSecond, got 0/,
  ),
  calibration(
    "an unknown key of a calibration",
    "seconds",
    "second",
    /k\.yaml:4:1: /,
    /at second,/,
    /Did you mean seconds\?/,
  ),
  calibration(
    "an unknown action of a calibration",
    "transfer",
    "transport",
    /k\.yaml:4:24: /,
    /at seconds\.transport,/,
    /Known keys: F, B, transfer, update/,
  ),
  calibration(
    "an unknown cost model",
    "constant",
    "guessed",
    /k\.yaml:3:1: /,
    /constant.*roofline.*measured at model, got "guessed"/,
  ),
  calibration("negative seconds", "F: 1", "F: -1", /k\.yaml:4:12: /, /at least 0 at seconds\.F, got -1/),
  {
    name: "a measured calibration without an operator that is needed",
    files: { ...BASE, "k.yaml": MEASURED },
    argv: COSTED,
    says: [/k\.yaml:7:1: /, /operator \w+.* at operators/, /calibrate --workload/],
  },
  {
    name: "a simulation with a calibration that lacks an operator",
    files: { ...BASE, "k.yaml": MEASURED },
    prepare: changedPlan(() => ({}), true),
    argv: ["simulate", "p.json", "--calibration", "k.yaml"],
    says: [/k\.yaml:7:1: /, /operator \w+.* at operators/],
  },
  {
    name: "an unknown key of a catalog",
    files: { ...BASE, "cat.yaml": "kind: catalog\nversion: 1\ndevices:\n  X: { kind: cuda, memory: 1 }\n" },
    argv: ["catalog", "--catalog", "cat.yaml"],
    says: [/cat\.yaml:4:20: /, /at devices\.X\.memory,/],
  },
  {
    name: "a figure without a source",
    files: {
      ...BASE,
      "cat.yaml":
        "kind: catalog\nversion: 1\ndevices:\n  X: { kind: cuda, memoryBytes: { value: 1, date: 2026-01 } }\n",
    },
    argv: ["catalog", "--catalog", "cat.yaml"],
    says: [/cat\.yaml:4:20: /, /a text, which is missing, at devices\.X\.memoryBytes\.source/],
  },
  option(
    "an unknown device of the catalog",
    ["catalog", "RTX 9999"],
    /a device of the catalog \(.*\) at name, got "RTX 9999"/,
  ),
  option(
    "an unknown device",
    ["plan", "w.yaml", "--devices", "tpu:0"],
    /devices such as cpu:0.* at --devices, got "tpu:0"/,
    /loratwin devices/,
  ),
  option("a device twice", ["plan", "w.yaml", "--devices", "cpu:0,cpu:0"], /all different at --devices, got "cpu:0"/),
  option(
    "both --cluster and --devices",
    ["plan", "w.yaml", "--devices", "cpu:0", "--cluster", "c.yaml"],
    /either --cluster or --devices, got "both"/,
  ),
  option(
    "more devices than layers",
    ["plan", "w.yaml", "--devices", "unit*3"],
    /at most 2 devices for a model of 2 layers at --devices, got 3/,
  ),
  {
    name: "a cluster with more devices than layers",
    files: { ...BASE, "c.yaml": edited(CLUSTER, "    link", '      - { name: "cpu:2", type: cpu }\n    link') },
    argv: ON_CLUSTER,
    says: [/c\.yaml:3:1: /, /at most 2 devices.* at machines, got 3/],
  },
  option(
    "a missing cluster file",
    ["plan", "w.yaml", "--cluster", "none.yaml"],
    /none\.yaml: /,
    /a cluster file, got "no such file"/,
  ),
  option("a missing workload", ["plan", "none.yaml"], /none\.yaml: /, /a workload file, got "no such file"/),
  option("a folder as the workload", ["plan", "."], /a workload file, got "a folder"/),
  option(
    "an in-flight limit of 0",
    [...PLAN_IT, "--max-in-flight", "0"],
    /a whole number of at least 1 at --max-in-flight, got "0"/,
  ),
  option(
    "an in-flight limit that is a word",
    [...PLAN_IT, "--max-in-flight", "some"],
    /auto, none or a whole number.* at --max-in-flight, got "some"/,
  ),
  option(
    "an in-flight limit that is too small for gpipe",
    [...PLAN_IT, "--schedule", "gpipe", "--max-in-flight", "1"],
    /at least 2 for schedule gpipe.* at --max-in-flight, got 1/,
  ),
  option(
    "more groups than jobs",
    [...PLAN_IT, "--groups", "3"],
    /at most as many groups as jobs \(2\) at --groups, got 3/,
  ),
  option(
    "groups that are no number",
    [...PLAN_IT, "--groups", "two"],
    /a whole number of at least 1 at --groups, got "not a number"/,
  ),
  option(
    "an option twice",
    [...PLAN_IT, "--max-in-flight", "2", "--max-in-flight", "3"],
    /one value at --max-in-flight, got \["2","3"\]/,
  ),
  option(
    "an unknown schedule",
    [...PLAN_IT, "--schedule", "zigzag"],
    /another value at --schedule, got "zigzag".*"lorapp"/,
  ),
  option("an unknown command", ["plam", "w.yaml"], /only known options and arguments, got plam/, /--help/),
  option("no command", [], /a command, got none/, /--help/),
  option("a missing argument", ["plan"], /more arguments, got 0 of at least 1/, /loratwin plan <workload>/),
  option("a missing output", ["train", "w.yaml"], /a value for --output, which is missing/, /loratwin train <plan>/),
  option("an unknown flag", [...PLAN_IT, "--dry"], /only known options and arguments, got dry/, /loratwin plan --help/),
  option(
    "an output that cannot be written",
    [...PLAN_IT, "-o", "w.yaml/p.json"],
    /w\.yaml\/p\.json: /,
    /a file that can be written, got "a (path through a )?file"/,
  ),
  option(
    "a run folder that cannot be made",
    ["train", "w.yaml", "-o", "w.yaml/run"],
    /w\.yaml\/run: /,
    /a folder that can be written, got "a (path through a )?file"/,
  ),
  {
    name: "a run folder that holds something else",
    files: { ...BASE, "run/notes.txt": "mine" },
    argv: ["train", "w.yaml", "-o", "run"],
    says: [/a new folder, or that of an earlier run of the same plan at --output, got "run"/],
  },
  {
    name: "a run folder of another run",
    files: BASE,
    prepare: async (folder) => void (await printed(["train", "w.yaml", "-o", "run", "--devices", "cpu:0"], folder)),
    argv: ["train", "w.yaml", "-o", "run", "--schedule", "sequential"],
    says: [/that of an earlier run of the same plan at --output, got "run"/],
  },
  {
    name: "lengths to train on",
    files: workload("path: ../rows.jsonl }\n    seed", "lengths: 8 }\n    seed"),
    argv: ["train", "w.yaml", "-o", "run"],
    says: [/w\.yaml:13:5: /, /a data file to train on at jobs\[0\]\.data, got \{"lengths":8/],
  },
  {
    name: "an architecture to train",
    files: {
      "w.yaml": edited(WORKLOAD, "path: ../model", "architecture: tinyllama-1.1b").replaceAll(
        "path: ../rows.jsonl",
        "lengths: 8",
      ),
    },
    argv: ["train", "w.yaml", "-o", "run"],
    says: [/w\.yaml:3:1: /, /a model folder to train at model/],
  },
  {
    name: "a plan changed by hand",
    files: BASE,
    prepare: changedPlan((plan) => ({ jobs: plan.jobs.map((job) => ({ ...job, seed: 99 })) }), false),
    argv: ["simulate", "p.json"],
    says: [
      /p\.json:\d+:\d+: /,
      /content that matches the plan's hash \(sha256:.*\) at hash, got "sha256:/,
      /loratwin plan/,
    ],
  },
  {
    name: "a plan changed by hand, to train",
    files: BASE,
    prepare: changedPlan(() => ({ schedule: "gpipe" }), false),
    argv: ["train", "p.json", "-o", "run"],
    says: [/p\.json:\d+:\d+: /, /matches the plan's hash/],
  },
  {
    name: "an unknown key of a plan",
    files: BASE,
    prepare: changedPlan(() => ({ note: "mine" }), true),
    argv: ["validate", "p.json"],
    says: [/p\.json:\d+:\d+: /, /at note, got "note"/],
  },
  {
    name: "a plan with a backward before its forward",
    files: BASE,
    prepare: changedPlan(({ actions }) => ({ actions: swapped(actions, 1, 0, 1) }), true),
    argv: ["simulate", "p.json"],
    says: [/p\.json: /, /1F0 once before 1B0 on stage 1, got "1B0"/, /step 0 .* {2}1B0 .*<-- here, on stage 1/],
    detail: true,
  },
  {
    name: "a plan with an action twice",
    files: BASE,
    prepare: changedPlan(
      ({ actions }) => ({ actions: actions.map((order, stage) => (stage === 0 ? [order[0], ...order] : order)) }),
      true,
    ),
    argv: ["validate", "p.json"],
    says: [/p\.json: /, /one forward of micro-batch 0 on stage 0, got "0F0"/, /<-- here/],
    detail: true,
  },
  {
    name: "a plan with an action that is none",
    files: BASE,
    prepare: changedPlan(({ actions }) => ({ actions: [["0X0"], ...actions.slice(1)] }), true),
    argv: ["validate", "p.json"],
    says: [/p\.json:\d+:\d+: /, /an action such as 2F0 at actions\[0\]\[0\], got "0X0"/],
  },
  {
    name: "a plan whose data changed since",
    files: { ...workload("../rows.jsonl", "own.jsonl"), "own.jsonl": '{"question":"1","answer":"2"}\n' },
    prepare: async (folder) => {
      await changedPlan(() => ({}), true)(folder);
      writeFileSync(path.join(folder, "own.jsonl"), '{"question":"1","answer":"3"}\n');
    },
    argv: ["train", "p.json", "-o", "run"],
    says: [/own\.jsonl: /, /the data that the plan was made from at jobs\[0\]\.data, got "other content"/],
  },
  {
    name: "a plan whose model changed since",
    files: { "w.yaml": edited(WORKLOAD, "../model", "model") },
    prepare: async (folder) => {
      const make = ["init-model", "model", "--hidden-size", "16", "--heads", "2", "--layers"];
      await printed([...make, "2"], folder);
      await changedPlan(() => ({}), true)(folder);
      await printed([...make, "3"], folder);
    },
    argv: ["train", "p.json", "-o", "run"],
    says: [/model: /, /the model that the plan was made for, got "another one"/],
  },
  {
    name: "a plan that does not fit",
    files: { ...BASE, "c.yaml": CLUSTER.replaceAll("threads: 1", "memoryBytes: 20000") },
    argv: ON_CLUSTER,
    says: [
      /a plan that fits into the devices' memory/,
      /^device +weights +adapters .*capacity/m,
      /^cpu:1 .* too much$/m,
      /^Hint: .*microBatchSize/m,
    ],
    detail: true,
  },
  {
    name: "traces of different plans",
    files: BASE,
    prepare: async (folder) => {
      await printed(["simulate", "w.yaml", "-o", "a.json"], folder);
      await printed(["simulate", "w.yaml", "--schedule", "sequential", "-o", "b.json"], folder);
    },
    argv: ["compare", "a.json", "b.json"],
    says: [/two traces of one plan, sha256:\w+ at otherData\.planHash, got "sha256:\w+"/],
  },
  {
    name: "a plan as a trace",
    files: BASE,
    prepare: changedPlan(() => ({}), true),
    argv: ["compare", "p.json", "p.json"],
    says: [/p\.json:/, /which is missing|only known keys/],
  },
  {
    name: "a trace with a negative duration",
    files: BASE,
    prepare: async (folder) => {
      await printed(["simulate", "w.yaml", "-o", "a.json"], folder);
      const file = path.join(folder, "a.json");
      writeFileSync(file, readFileSync(file, "utf8").replace(/"dur":/, '"dur":-'));
    },
    argv: ["validate", "a.json"],
    says: [/a\.json:\d+:\d+: /, /at least 0 at traceEvents\[\d+\]\.dur, got -/],
  },
  {
    name: "three traces in a report",
    files: BASE,
    argv: ["report", "a.json", "b.json", "c.json", "-o", "r.html"],
    says: [/one trace or two at trace, got \["a\.json","b\.json","c\.json"\]/],
  },
  {
    name: "a device that nobody can measure",
    files: BASE,
    argv: ["calibrate", "--device", "tpu"],
    says: [/a CPU device.* at --device, got "tpu"/],
  },
  {
    name: "a model with heads that do not divide its width",
    files: BASE,
    argv: ["init-model", "m", "--hidden-size", "16", "--heads", "3"],
    says: [/a positive whole number at headDim/],
  },
];
