import { parse } from "yaml";
import { createRng } from "../../core/index.ts";
import { CALIBRATION, CLUSTER, WORKLOAD } from "../cli/bad-input/bad-input.ts";
import { mutations } from "./mutate.ts";
import type { Attack } from "./run-attacks.ts";

const PLAN = ["plan", "w.yaml", "--devices", "cpu:0,cpu:1", "--no-intervals"] as const;

/** Documents of each kind with one hostile value. */
export function mutatedDocuments(seed: number, share = 1): readonly Attack[] {
  const rng = createRng(`documents ${seed}`);
  const of = (kind: string, text: string, count: number, argv: readonly string[]): readonly Attack[] =>
    mutations(parse(text), Math.round(share * count), rng).map(({ what, value }) => ({
      name: `a ${kind} with ${what}`,
      files: { "w.yaml": WORKLOAD, [argv.at(-1)!]: JSON.stringify(value) },
      argv,
      mayPass: true,
    }));
  return [
    ...of("workload", WORKLOAD, 60, ["plan", "--no-intervals", "--devices", "cpu:0,cpu:1", "w.yaml"]),
    ...of("workload of lengths", LENGTHS, 30, ["simulate", "--no-intervals", "--devices", "unit*2", "w.yaml"]),
    ...of("cluster", CLUSTER, 30, ["plan", "w.yaml", "--no-intervals", "--cluster", "c.yaml"]),
    ...of("calibration", CALIBRATION, 15, [
      "plan",
      "w.yaml",
      "--no-intervals",
      "--devices",
      "cpu:0,cpu:1",
      "--calibration",
      "k.yaml",
    ]),
    ...of("catalog", CATALOG, 15, ["catalog", "--catalog", "g.yaml"]),
  ];
}

const LENGTHS = `kind: workload
version: 1
model: { architecture: llama-2-7b, dtype: bfloat16 }
defaults:
  batchSize: 8
  adapter: { rank: 16, targets: [q_proj, v_proj] }
  data: { lengths: { distribution: lognormal, mean: 25, sigma: 0.6, min: 16, max: 51 }, samples: 40 }
jobs:
  - { name: nightly, user: ops, steps: 4 }
  - { name: quick, steps: 2, priority: 2, seed: 3 }
`;

const CATALOG = `kind: catalog
version: 1
devices:
  own:
    kind: cuda
    memoryBytes: { value: 1000000000, source: a page }
    float32FlopsPerSecond: { value: 1000000000, source: a page }
    memoryBytesPerSecond: { value: 1000000000, source: a page }
links: {}
`;

const ROOFLINE = `kind: calibration
version: 1
model: roofline
computeEfficiency: 0.5
memoryEfficiency: 0.5
launchSeconds: 0
meanError: 1.0e+9
`;

/** An alias bomb: each anchor is nine times the one before. */
function aliasBomb(levels: number): string {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < levels; level += 1)
    lines.push(`a${level}: &a${level} [${Array.from({ length: 9 }, () => `*a${level - 1}`).join(", ")}]`);
  return `${lines.join("\n")}\n`;
}

function workload(name: string, text: string | Uint8Array): Attack {
  return { name, files: { "w.yaml": text }, argv: PLAN };
}

const json = (value: object): string => JSON.stringify({ kind: "workload", version: 1, ...value });

/** Texts that readers of YAML and JSON fall over. */
export const HOSTILE_TEXTS: readonly Attack[] = [
  workload("an empty text", ""),
  workload("spaces alone", " \n\t\n"),
  workload("a NUL", "\u0000"),
  workload("bytes that are no UTF-8", Uint8Array.from([0xff, 0xfe, 0x00, 0xd8, 0x80])),
  workload("a picture", Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13])),
  workload("a list", "- 1\n- 2\n"),
  workload("a number", "17\n"),
  workload("a text", '"workload"\n'),
  workload("aliases of aliases", `${aliasBomb(9)}${WORKLOAD}`),
  workload("an alias of itself", `a: &a [*a]\n${WORKLOAD}`),
  workload(
    "aliases by the thousand",
    `a: &a x\nb: [${Array.from({ length: 5000 }, () => "*a").join(", ")}]\n${WORKLOAD}`,
  ),
  workload("deep YAML in flow style", `${"[".repeat(100_000)}${"]".repeat(100_000)}\n`),
  workload("deep YAML that is not closed", "[".repeat(200_000)),
  workload("deep YAML mappings", `${"{a: ".repeat(20_000)}1${"}".repeat(20_000)}\n`),
  workload("deep YAML in block style", Array.from({ length: 3000 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n")),
  workload("deep YAML lists in a line", `${"- ".repeat(20_000)}x\n`),
  workload("deep JSON", `{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`),
  workload("deep JSON objects", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`),
  workload("deep JSON that is not closed", `{"a":${"[".repeat(500_000)}`),
  workload("a JSON key twice", '{"kind":"workload","kind":"plan","version":1}'),
  workload("a JSON key twice, one of them escaped", '{"kind":"workload","\\u006bind":"plan","version":1}'),
  workload("a JSON key twice in a job", json({ model: {}, jobs: [{}] }).replace("{}]", '{"name":"a","name":"b"}]')),
  workload("a YAML key twice in a job", WORKLOAD.replace("seed: 1", "seed: 1\n    seed: 1")),
  workload("__proto__ as a key", json({ model: {}, jobs: [] }).replace("{}", '{"__proto__":{"path":"../model"}}')),
  workload("__proto__ of a job", WORKLOAD.replace("seed: 1", "__proto__: { seed: 1 }")),
  workload("__proto__ of defaults", WORKLOAD.replace("steps: 2", "__proto__: { steps: 2 }\n  steps: 2")),
  workload("__proto__ with an escape", '{"kind":"workload","version":1,"\\u005f_proto__":{"a":1},"jobs":[]}'),
  workload("constructor as a key", `constructor: { prototype: {} }\n${WORKLOAD}`),
  workload("a YAML tag of JavaScript", WORKLOAD.replace("seed: 1", 'seed: !!js/function "function () {}"')),
  workload("a YAML tag of Python", WORKLOAD.replace("seed: 1", "seed: !!python/object/apply:os.system [ls]")),
  workload("a YAML merge key", WORKLOAD.replace("seed: 1", "<<: { seed: 1 }")),
  workload("two YAML documents", `${WORKLOAD}---\n${WORKLOAD}`),
  { ...workload("a directive that is none", `%HOSTILE 1\n---\n${WORKLOAD}`), mayPass: true },
  workload("tabs for spaces", WORKLOAD.replaceAll("  ", "\t")),
  workload("not a number as a rate", WORKLOAD.replace("1.0e-3", ".nan")),
  workload("infinity as a rate", WORKLOAD.replace("1.0e-3", ".inf")),
  workload("infinity as a seed", WORKLOAD.replace("seed: 1", "seed: 1e999")),
  workload("a seed beyond whole numbers", WORKLOAD.replace("seed: 1", "seed: 9007199254740993")),
  workload("many keys", `{${Array.from({ length: 100_000 }, (_, key) => `"k${key}":1`).join(",")}}`),
  workload("many YAML keys", Array.from({ length: 60_000 }, (_, key) => `k${key}: 1`).join("\n")),
  workload("a large YAML text", `${"# nothing\n".repeat(600_000)}${WORKLOAD}`),
  workload("a large text in quotes", `a: "${"x".repeat(6e6)}"\n`),
  workload("a large JSON text that ends too early", `{"a":"${"x".repeat(6e6)}`),
  workload("JSON with a comment", `// workload\n${json({ jobs: [] })}`),
  workload("JSON with a comma too many", '{"kind":"workload",}'),
  workload(
    "an architecture that an object inherits",
    WORKLOAD.replace("{ path: ../model }", "{ architecture: constructor }"),
  ),
  workload("an architecture of __proto__", WORKLOAD.replace("{ path: ../model }", "{ architecture: __proto__ }")),
  workload(
    "an architecture of hasOwnProperty",
    WORKLOAD.replace("{ path: ../model }", "{ architecture: hasOwnProperty }"),
  ),
  workload("a job without end", WORKLOAD.replace("steps: 2", "steps: 9007199254740991")),
  workload("rows beyond all plans", WORKLOAD.replace("steps: 2", "steps: 16777216")),
  workload("two million steps of two micro-batches", WORKLOAD.replace("steps: 2", "steps: 2000000")),
  workload("epochs without end", WORKLOAD.replace("steps: 2", "epochs: 1000000000")),
  workload("a batch of everything", WORKLOAD.replace("batchSize: 4", "batchSize: 1000000000")),
  workload("a rank of everything", WORKLOAD.replace("rank: 4", "rank: 1000000000")),
  workload("a name that leaves its folder", WORKLOAD.replace("name: first", "name: ../first")),
  workload("a name with a slash", WORKLOAD.replace("name: first", "name: a/b")),
  workload("a name of dots", WORKLOAD.replace("name: first", "name: ..")),
  workload("two names that differ in case", WORKLOAD.replace("name: second", "name: FIRST")),
  workload("a hub path that climbs", WORKLOAD.replace("../model", "hf:../../etc")),
  workload("a hub path of dots", WORKLOAD.replace("../model", "hf:a/..")),
  workload("a folder as data", WORKLOAD.replaceAll("../rows.jsonl", "..")),
  workload("a device as data", WORKLOAD.replaceAll("../rows.jsonl", "/dev/zero")),
  workload(
    "a sweep without end",
    WORKLOAD.replace(
      "seed: 1",
      "sweep: { random: { count: 1000000000, over: { adapter: { rank: { min: 1, max: 8 } } } } }",
    ),
  ),
  workload(
    "a grid of a million points",
    WORKLOAD.replace(
      "seed: 1",
      `sweep: { grid: { adapter: { rank: [${Array.from({ length: 1000 }, (_, i) => i + 1)}], alpha: [${Array.from({ length: 1000 }, (_, i) => i + 1)}] } } }`,
    ),
  ),
  ...["9.0e+6", "1.0e+300"].map((seconds) => ({
    name: `actions of ${seconds} seconds`,
    files: { "w.yaml": WORKLOAD, "k.yaml": CALIBRATION.replace("F: 1, B: 2", `F: ${seconds}, B: ${seconds}`) },
    argv: [...PLAN, "--calibration", "k.yaml"],
  })),
  {
    name: "a mean error of a billion",
    files: { "w.yaml": WORKLOAD, "k.yaml": ROOFLINE },
    argv: ["plan", "w.yaml", "--devices", "cpu:0", "--calibration", "k.yaml"],
  },
  ...[
    ["plan", "p", "--devices", "cpu:0"],
    ["validate", "p"],
    ["plan", "w.yaml", "--cluster", "p"],
    ["plan", "w.yaml", "--devices", "cpu:0", "--calibration", "p"],
    ["catalog", "--catalog", "p"],
    ["estimate", "w.yaml", "--devices", "cpu:0", "--prices", "p"],
    ["simulate", "w.yaml", "--devices", "unit", "--policy", "./p"],
    ["train", "p", "-o", "run"],
    ["explain", "p"],
    ["compare", "p", "p"],
    ["report", "p", "-o", "r.html"],
  ].map((argv) => ({ name: `a pipe: ${argv.join(" ")}`, files: { "w.yaml": WORKLOAD }, pipes: ["p"], argv })),
  {
    name: "a catalog type that objects inherit",
    files: { "w.yaml": WORKLOAD, "c.yaml": CLUSTER.replace("type: cpu", "type: constructor") },
    argv: ["plan", "w.yaml", "--cluster", "c.yaml"],
  },
  {
    name: "a link type that objects inherit",
    files: { "w.yaml": WORKLOAD, "c.yaml": CLUSTER.replace("type: host", "type: toString") },
    argv: ["plan", "w.yaml", "--cluster", "c.yaml"],
  },
  ...["constructor", "__proto__", "toString", "hasOwnProperty"].map((kind) => ({
    name: `a document of the kind ${kind}`,
    files: { "d.yaml": `kind: ${kind}\nversion: 1\n` },
    argv: ["validate", "d.yaml"],
  })),
];
