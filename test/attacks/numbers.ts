import { parse } from "yaml";
import { createRng } from "../../core/index.ts";
import { CALIBRATION, CLUSTER } from "../cli/bad-input/bad-input.ts";
import { placesOf, withValue } from "./mutate.ts";
import type { Attack } from "./run-attacks.ts";

/**
 * Numbers at the ends of what a reader, a formula or a computer can hold, and texts that look like numbers. None asks for
 * work that is only much.
 */
const EXTREMES: readonly (number | string)[] = [
  ...[0, -1, 0.5, 5e-324, 1e-300, 1e-9, 2 ** 31, 1e12, 2 ** 53 - 1, 2 ** 53, 1e300, 1.7e308, -1e308],
  ...[".nan", ".inf", "-.inf", '"1"', "0x10", "1e999", "2026-11-29", "~"],
];

const JOBS = `kind: workload
version: 1
model: { architecture: llama-2-7b, dtype: bfloat16 }
defaults:
  batchSize: 8
  microBatchSize: 2
  cutoffLength: 64
  adapter: { rank: 16, alpha: 32, dropout: 0.1, targets: [q_proj, v_proj] }
  optimizer: { name: adamw, learningRate: 1.0e-3, betas: [0.9, 0.99], eps: 1.0e-8, weightDecay: 0.1, maxGradNorm: 1 }
  data: { lengths: { distribution: lognormal, mean: 25, sigma: 0.6, min: 16, max: 51 }, samples: 40 }
jobs:
  - { name: nightly, user: ops, steps: 4, evaluation: { share: 0.1, everySteps: 2 } }
  - { name: quick, steps: 2, priority: 2, seed: 3, arrivalSeconds: 10, deadlineSeconds: 30 }
  - { name: even, epochs: 1, data: { lengths: { distribution: uniform, min: 10, max: 60 }, samples: 20 } }
  - { name: given, steps: 2, data: { lengths: 33 } }
  - name: search
    steps: 2
    sweep:
      random:
        count: 3
        seed: 1
        over:
          adapter: { rank: [4, 8], dropout: { min: 0, max: 0.2 } }
          optimizer: { learningRate: { min: 1.0e-5, max: 1.0e-2, scale: log } }
      halving: { firstRows: 8, eta: 2 }
`;

const MODEL = `kind: workload
version: 1
model:
  architecture:
    vocab_size: 512
    hidden_size: 64
    num_hidden_layers: 4
    num_attention_heads: 4
    num_key_value_heads: 2
    intermediate_size: 128
    max_position_embeddings: 512
    rope_theta: 10000
    rms_norm_eps: 1.0e-5
jobs:
  - { name: a, steps: 4, batchSize: 8, data: { lengths: 33 } }
  - { name: b, steps: 2, batchSize: 3, data: { lengths: 12 } }
`;

const MACHINES = `kind: cluster
version: 1
machines:
  - name: one
    devices:
      - { name: a0, type: "RTX A6000", memoryBytes: 40000000000, memoryBytesPerSecond: 7.0e+11, peakFlopsPerSecond: { float32: 3.0e+13, bfloat16: 1.0e+14 } }
      - { name: a1, type: "RTX A6000" }
    link: { type: pcie4x16, shared: true }
  - name: two
    devices:
      - { name: b0, type: "RTX A6000" }
      - { name: b1, type: "RTX A6000" }
    link: { bandwidthBytesPerSecond: 1.0e+10, latencySeconds: 1.0e-5, shared: false }
network: { bandwidthBytesPerSecond: 1.0e+9, latencySeconds: 5.0e-5, transfers: synchronous }
`;

const ROOFLINE = `kind: calibration
version: 1
model: roofline
computeEfficiency: 0.5
memoryEfficiency: 0.5
launchSeconds: 1.0e-6
transferEfficiency: 0.8
transferLatencySeconds: 1.0e-5
meanError: 0.1
`;

const LAYERS = `kind: calibration
version: 1
model: layers
source: a page
computeEfficiency: 0.5
activationBytes: 30
scoreBytes: 2
launchSeconds: 1.0e-6
headBytes: 4
transferEfficiency: 0.8
transferLatencySeconds: 1.0e-5
meanError: 0.1
`;

const CATALOG = `kind: catalog
version: 1
devices:
  own:
    kind: cuda
    memoryBytes: { value: 100000000000, source: a page, date: 2026-11 }
    float32FlopsPerSecond: { value: 10000000000000, source: a page, date: 2026-11 }
    bfloat16FlopsPerSecond: { value: 100000000000000, source: a page, date: 2026-11 }
    memoryBytesPerSecond: { value: 1000000000000, source: a page, date: 2026-11 }
    layerEfficiency:
      bfloat16:
        computeEfficiency: { value: 0.5, source: a page, date: 2026-11 }
        activationBytes: { value: 30, source: a page, date: 2026-11 }
        scoreBytes: { value: 2, source: a page, date: 2026-11 }
        launchSeconds: { value: 1.0e-6, source: a page, date: 2026-11 }
        headBytes: { value: 4, source: a page, date: 2026-11 }
        meanError: { value: 0.1, source: a page, date: 2026-11 }
    watts: { value: 300, source: a page, date: 2026-11 }
links:
  wire:
    bandwidthBytesPerSecond: { value: 1000000000, source: a page, date: 2026-11 }
    latencySeconds: { value: 0.00001, source: a page, date: 2026-11 }
`;

const OWN = `kind: cluster
version: 1
machines:
  - name: one
    devices: [{ name: a0, type: own }, { name: a1, type: own }]
    link: { type: wire }
`;

const FORECAST = `kind: forecast
version: 1
days: 1
level: { percent: 80, hours: 24 }
kinds:
  - name: small
    model: llama-3-8b
    perDay: 1
    samples: 40
    samplesSigma: 0.5
    epochs: 1
    batchSize: 16
    tokens: { mean: 60, max: 400 }
    rank: 16
hourly: [1, 1, 1, 1, 1, 1, 2, 4, 8, 10, 10, 9, 8, 9, 10, 10, 9, 7, 5, 3, 2, 2, 1, 1]
weekly: [1, 1, 1, 1, 1, 0.3, 0.3]
`;

const CANDIDATES = `kind: candidates
version: 1
generate:
  accelerators: [H100 SXM]
  counts: [2]
  slots: [2]
  precisions: [bfloat16]
  tenures: [spot]
`;

const PRICES = `kind: prices
version: 1
date: 2026-11-27
currency: USD
perKilowattHour: 0.15
powerFactor: 1.5
accelerators:
  H100 SXM:
    buy: { price: 36000, years: 4 }
    reservedPerHour: 2
    onDemandPerHour: 3
    spot: { perHour: 1.6, interruptionsPerDay: 12, noticeSeconds: 30, restartSeconds: 300, checkpointSeconds: 45 }
`;

/** Documents with numbers of every kind, each with the other files that its command reads. */
const DOCUMENTS: readonly {
  readonly kind: string;
  readonly file: string;
  readonly files: Readonly<Record<string, string>>;
  readonly argv: readonly string[];
}[] = [
  {
    kind: "a workload over time",
    file: "w.yaml",
    files: { "w.yaml": JOBS, "c.yaml": MACHINES },
    argv: ["simulate", "w.yaml", "--cluster", "c.yaml", "--policy", "mlora"],
  },
  {
    kind: "a workload to plan",
    file: "w.yaml",
    files: {
      "w.yaml": JOBS.slice(0, JOBS.indexOf("  - name: search")).replace(" arrivalSeconds: 10,", ""),
      "c.yaml": MACHINES,
    },
    argv: ["plan", "w.yaml", "--cluster", "c.yaml"],
  },
  {
    kind: "a model",
    file: "w.yaml",
    files: { "w.yaml": MODEL },
    argv: ["plan", "w.yaml", "--devices", "cpu:0,cpu:1"],
  },
  {
    kind: "a cluster",
    file: "c.yaml",
    files: { "w.yaml": MODEL, "c.yaml": MACHINES },
    argv: ["plan", "w.yaml", "--cluster", "c.yaml"],
  },
  {
    kind: "a cluster of CPU devices",
    file: "c.yaml",
    files: { "w.yaml": MODEL, "c.yaml": CLUSTER },
    argv: ["simulate", "w.yaml", "--cluster", "c.yaml"],
  },
  ...Object.entries({ CALIBRATION, ROOFLINE, LAYERS }).map(([name, text]) => ({
    kind: `a calibration (${name.toLowerCase()})`,
    file: "k.yaml",
    files: { "w.yaml": MODEL, "c.yaml": MACHINES, "k.yaml": text },
    argv: ["simulate", "w.yaml", "--cluster", "c.yaml", "--calibration", "k.yaml"],
  })),
  {
    kind: "a catalog",
    file: "g.yaml",
    files: { "w.yaml": MODEL, "c.yaml": OWN, "g.yaml": CATALOG },
    argv: ["estimate", "w.yaml", "--cluster", "c.yaml", "--catalog", "g.yaml"],
  },
  ...Object.entries({ "f.yaml": "a forecast", "a.yaml": "candidates", "p.yaml": "prices" }).map(([file, kind]) => ({
    kind,
    file,
    files: { "f.yaml": FORECAST, "a.yaml": CANDIDATES, "p.yaml": PRICES },
    argv: ["capacity", "f.yaml", "--candidates", "a.yaml", "--prices", "p.yaml", "--draws", "2", "--most-draws", "2"],
  })),
];

/** A text that YAML reads as it stands where a number was. */
const MARK = "a number of an attack";

/** Every number of every document with every extreme, through its command and through `validate`; `some` of them at random. */
export function numberAttacks(seed: number, some = Number.POSITIVE_INFINITY): readonly Attack[] {
  const all = DOCUMENTS.flatMap(({ kind, file, files, argv }) => {
    const value: unknown = parse(files[file]!);
    const at = (path: readonly (string | number)[]): unknown =>
      path.reduce<unknown>((inside, key) => (inside as Record<string | number, unknown>)[key], value);
    return placesOf(value)
      .filter((path) => typeof at(path) === "number" && path[0] !== "version" && !(Number(path.at(-1)) > 1))
      .flatMap((path) =>
        EXTREMES.flatMap((extreme) => {
          const text = JSON.stringify(withValue(value, path, MARK)).replace(`"${MARK}"`, String(extreme));
          const attack = { files: { ...files, [file]: text }, mayPass: true } as const;
          const name = `${kind} with ${path.join(".")} = ${extreme}`;
          return [
            { ...attack, name, argv, ...(argv[0] === "capacity" ? { mayFindNone: true as const } : {}) },
            { ...attack, name: `${name}, validated`, argv: ["validate", file] },
          ];
        }),
      );
  });
  if (all.length <= some) return all;
  const rng = createRng(`numbers ${seed}`);
  return Array.from({ length: some }, () => all[rng.nextInt(all.length)]!);
}
