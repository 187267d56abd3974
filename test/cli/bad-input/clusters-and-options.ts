import { printed } from "../run-cli.ts";
import { type BadInput, CALIBRATION, CLUSTER, edited, PLAN_IT, WORKLOAD, workload } from "./bad-input.ts";
import { changedPlan } from "./plans-and-traces.ts";

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

const MEASURED = `kind: calibration
version: 1
model: measured
device: { type: cpu, description: hand-made, threads: 1, devicesAtOnce: 1 }
date: "2026-01-01"
dtype: float32
operators:
  - { operator: "nothing:F", coefficients: { one: 1 }, samples: 1, meanAbsError: 0, residualSpread: 0 }
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

/** Clusters, calibrations, catalogs and options. */
export const BAD_CLUSTERS_AND_OPTIONS: readonly BadInput[] = [
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
    /`loratwin catalog` lists all/,
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
  cluster(
    "transfers of an unknown kind",
    "    link:",
    "network: { bandwidthBytesPerSecond: 1.0e9, transfers: blocked }\n#",
    /c\.yaml:8:\d+: /,
    /overlapped.*blocking.* at network\.transfers, got "blocked"/,
  ),
  cluster(
    "a duplex of an unknown kind",
    "    link:",
    "network: { bandwidthBytesPerSecond: 1.0e9, duplex: both }\n#",
    /c\.yaml:8:\d+: /,
    /full.*half.* at network\.duplex, got "both"/,
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
  ...(
    [
      ["a coefficient below 0", "{ one: -1 }", /one, got -1/],
      ["an infinite coefficient", "{ one: .inf }", /one, got Infinity/],
      ["a feature that no operator has", "{ calls: 1 }", /calls/],
      ["a feature that objects inherit", "{ constructor: 1 }", /constructor/],
      ["a feature beyond an infinite knot", '{ "rows>Infinity": 1 }', /rows>Infinity/],
      ["a feature beyond a knot of a thousand digits", '{ "rows>1e999": 1 }', /rows>1e999/],
      ["a feature __proto__", "{ __proto__: 1 }", /got "__proto__"/],
    ] as const
  ).map(([name, coefficients, says]) => ({
    name,
    files: { ...BASE, "k.yaml": edited(MEASURED, "{ one: 1 }", coefficients) },
    argv: COSTED,
    says: [/k\.yaml(?::8:\d+)?: Expected .* at operators\[0\]\.coefficients/, says],
  })),
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
    name: "a calibration that was measured with another dtype",
    files: { ...BASE, "k.yaml": edited(MEASURED, "dtype: float32", "dtype: bfloat16") },
    argv: [...PLAN_IT, "--calibration", "k.yaml", "--devices", "cpu:0"],
    says: [/k\.yaml:6:1: /, /the model's dtype, float32, at dtype, got "bfloat16"/, /--dtype float32/],
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
    /a device of the catalog at name, got "RTX 9999"/,
    /`loratwin catalog` lists all/,
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
    name: "one pipeline of more devices than layers",
    files: {
      ...BASE,
      "c.yaml": edited(CLUSTER, "    link", '      - { name: "cpu:2", type: cpu }\n    link').replace(
        "local",
        "elsewhere",
      ),
    },
    argv: [...ON_CLUSTER, "--pipelines", "1"],
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
    /at most as many groups as a pipeline has jobs \(2\) at --groups, got 3/,
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
    /one of auto, lorapp.* at --schedule, got "zigzag"/,
  ),
  option("an unknown command", ["plam", "w.yaml"], /a command, got "plam"/, /Did you mean plan\?/, /--help/),
  option("no command", [], /a command, got none/, /--help/),
  option("a missing argument", ["plan"], /<workload>, which is missing/, /loratwin plan <workload>/),
  option("a missing output", ["train", "w.yaml"], /a value for --output, which is missing/, /loratwin train <plan>/),
  option("nothing to train", ["train"], /<plan>, which is missing|which is missing/, /loratwin train --help/),
  option("an unknown flag", [...PLAN_IT, "--dry"], /an option of loratwin plan, got "--dry"/, /loratwin plan --help/),
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
];
