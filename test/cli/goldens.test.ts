import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { printed, temporaryFolder } from "./run-cli.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const PAPER = "examples/paper";
const GOLDENS = path.join(import.meta.dirname, "goldens");
const UNIT = ["--calibration", `${PAPER}/calibration-unit.yaml`, "--max-in-flight", "none"] as const;

const folder = temporaryFolder();

interface Figure {
  readonly name: string;
  readonly workload: string;
  readonly schedule: string;
  /** Actions that start before it are printed. */
  readonly until: number;
  /** By device, as far as the paper prints it: op@start. */
  readonly rows: Readonly<Record<number, string>>;
}

const ONE_F_ONE_B: Readonly<Record<number, string>> = {
  0: "F1@0 F2@1 F3@2 F4@3 B1@10 F1@12 B2@13 F2@15 B3@16 F3@18 B4@19 F4@21 B1@22 F1@24",
  1: "F1@1 F2@2 F3@3 F4@4 B1@8 B2@11 F1@13 B3@14 F2@16 B4@17 F3@19 B1@20 F4@22 B2@23",
  2: "F1@2 F2@3 F3@4 F4@5 B1@6 B2@9 B3@12 F1@14 B4@15 F2@17 B1@18 F3@20 B2@21 F4@23 B3@24",
  3: "F1@3 B1@4 F2@6 B2@7 F3@9 B3@10 F4@12 B4@13 F1@15 B1@16",
};

/** Fig. 4 of the paper: D = 4, Tf = 1, Tb = 2, transfers free. */
const FIGURES: readonly Figure[] = [
  {
    name: "a",
    workload: "workload-one-job.yaml",
    schedule: "gpipe",
    until: 22,
    rows: {
      0: "F1@0 F2@1 F3@2 F4@3 B4@13 B3@15 B2@17 B1@19 F1@21",
      3: "F1@3 F2@4 F3@5 F4@6 B4@7 B3@9 B2@11 B1@13",
    },
  },
  {
    name: "b",
    workload: "workload-four-jobs.yaml",
    schedule: "lorapp-gpipe",
    until: 31,
    rows: {
      0: "F1@0 F2@1 F3@2 F4@3 B1@13 F1@15 B2@16 F2@18 B3@19 F3@21 B4@22 F4@24 B1@26 F1@28 B2@29",
      1: "F1@1 F2@2 F3@3 F4@4 B1@11 B2@13 B3@15 F1@17 B4@18 F2@20 F3@22 B1@24 F4@26 B2@27 F1@29",
      2: "F1@2 F2@3 F3@4 F4@5 B1@9 B2@11 B3@13 B4@15 F1@18 F2@21 B1@22 F3@24 B2@25 F4@27 B3@28 F1@30",
      3: "F1@3 F2@4 F3@5 F4@6 B1@7 B2@9 B3@11 B4@13 F1@19 B1@20 F2@22 B2@23 F3@25 B3@26 F4@28 B4@29",
    },
  },
  { name: "c", workload: "workload-four-jobs.yaml", schedule: "lorapp", until: 25, rows: ONE_F_ONE_B },
  {
    name: "d",
    workload: "workload-two-jobs.yaml",
    schedule: "lorapp",
    until: 25,
    rows: {
      0: "F1@0 F2@1 B1@10 F1@12 B2@13 F2@15 B1@22 F1@24",
      1: "F1@1 F2@2 B1@8 B2@11 F1@13 F2@16 B1@20 B2@23",
      2: "F1@2 F2@3 B1@6 B2@9 F1@14 F2@17 B1@18",
      3: "F1@3 B1@4 F2@6 B2@7 F1@15 B1@16",
    },
  },
  {
    name: "e",
    workload: "workload-two-jobs-three-parts.yaml",
    schedule: "lorapp",
    until: 29,
    rows: {
      0: "F11@0 F12@1 F13@2 F21@3 F22@4 F23@5 B11@10 B12@13 B13@16 F11@18 B21@19 F12@21 B22@22 F13@24 B23@25 F21@27 B11@28",
      3: "F11@3 B11@4 F12@6 B12@7 F13@9 B13@10 F21@12 B21@13 F22@15 B22@16 F23@18 B23@19 F11@21 B11@22",
    },
  },
  {
    name: "f",
    workload: "workload-eight-jobs.yaml",
    schedule: "lorapp",
    until: 25,
    rows: Object.fromEntries(
      Object.entries(ONE_F_ONE_B).map(([device, row]) => [
        device,
        row.replaceAll(/([FB])(\d)@/g, (_, letter, job) => `${letter}(${job},${Number(job) + 4})@`),
      ]),
    ),
  },
];

describe("the paper's figure 4 from the command line", () => {
  it.each(FIGURES)("($name) starts every action when the paper says", async (figure) => {
    const argv = ["simulate", `${PAPER}/${figure.workload}`, "--devices", "unit*4", ...UNIT];
    const options = ["--schedule", figure.schedule, "--timeline", "--until", `${figure.until}`];
    const text = await printed([...argv, ...options], ROOT);
    const devices = text
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ +/).slice(1));
    expect(devices).toHaveLength(4);
    for (const [device, row] of Object.entries(figure.rows)) {
      const tokens = row.split(" ");
      expect(devices[Number(device)]!.slice(0, tokens.length)).toEqual(tokens);
    }
    await expect(text).toMatchFileSnapshot(path.join(GOLDENS, `figure-4${figure.name}.txt`));
  });
});

interface Simulated {
  readonly makespanSeconds: number;
  readonly bubbleRatio: number;
  readonly trace: {
    readonly traceEvents: readonly {
      readonly ph: string;
      readonly name: string;
      readonly cat: string;
      readonly ts: number;
      readonly args: { readonly step: number; readonly part: number; readonly jobs: readonly string[] };
    }[];
  };
}

const STEPS = 8;

/** L jobs of N micro-batches on D devices. */
async function simulated(schedule: string, numDevices: number, parts: number, numJobs: number): Promise<Simulated> {
  const name = `w-${schedule}-${numDevices}-${parts}-${numJobs}`;
  const architecture = {
    hidden_size: 64,
    intermediate_size: 128,
    num_hidden_layers: numDevices,
    num_attention_heads: 4,
    vocab_size: 128,
  };
  const workload = {
    kind: "workload",
    version: 1,
    model: { architecture },
    defaults: { batchSize: parts, microBatchSize: 1, steps: STEPS, data: { lengths: 8 } },
    jobs: Array.from({ length: numJobs }, (_, job) => ({ name: `job-${job + 1}` })),
  };
  writeFileSync(path.join(folder, `${name}.json`), JSON.stringify(workload));
  const costs = ["--calibration", path.join(ROOT, PAPER, "calibration-unit.yaml"), "--max-in-flight", "none"];
  const argv = ["simulate", `${name}.json`, "--devices", `unit*${numDevices}`, "--schedule", schedule, ...costs];
  const metrics = JSON.parse(await printed([...argv, "--json", "-o", `${name}.trace`], folder)) as Simulated;
  return { ...metrics, trace: JSON.parse(readFileSync(path.join(folder, `${name}.trace`), "utf8")) };
}

/** Seconds between the starts of two steps of the first job on stage 0, in the steady region. */
function stepSeconds({ trace }: Simulated): number {
  const startOf = (step: number): number =>
    trace.traceEvents.find(
      ({ ph, cat, name, args }) =>
        ph === "X" &&
        cat === "compute" &&
        name.startsWith("0F") &&
        args.step === step &&
        args.part === 0 &&
        args.jobs[0] === "job-1",
    )!.ts / 1e6;
  const first = Math.floor(STEPS / 2);
  return (startOf(STEPS - 1) - startOf(first)) / (STEPS - 1 - first);
}

/** Bubble ratios that the paper prints for D = 4, rounded to two digits there: by N, for L = 1, 2, ... */
const PRINTED: Readonly<Record<number, readonly number[]>> = {
  1: [0.75, 0.5, 0.25, 0],
  2: [0.6, 0.2, 0],
  3: [0.5, 0],
  4: [0.43, 0],
};
const TABLE = Object.entries(PRINTED).flatMap(([n, ratios]) =>
  ratios.map((ratio, i) => [Number(n), i + 1, ratio] as const),
);

describe("the paper's bubble ratios from the command line", () => {
  it.each(TABLE)("LoRAPP with N = %i and L = %i idles %f of the steady region", async (n, l, ratio) => {
    const { bubbleRatio } = await simulated("lorapp", 4, n, l);
    expect(bubbleRatio).toBeCloseTo(Math.max((4 - 1 + n - l * n) / (4 + n - 1), 0), 9);
    expect(bubbleRatio).toBeCloseTo(ratio, 2);
  });

  it.each(
    ["gpipe", "1f1b"].flatMap((schedule) =>
      [
        [2, 4],
        [4, 1],
        [4, 2],
        [4, 4],
        [4, 8],
        [8, 3],
      ].map(([d, n]) => [schedule, d!, n!] as const),
    ),
  )("%s with D = %i and N = %i idles (D-1)/(N+D-1) of it", async (schedule, d, n) => {
    expect((await simulated(schedule, d, n, 1)).bubbleRatio).toBeCloseTo((d - 1) / (n + d - 1), 9);
  });
});

describe("throughput relative to GPipe on four devices", () => {
  it.each(TABLE)(
    "with N = %i and L = %i is L times as high until the bubble is gone, and then (D+N-1)/N times",
    async (n, l) => {
      const gpipe = n / stepSeconds(await simulated("gpipe", 4, n, 1));
      const lorapp = (l * n) / stepSeconds(await simulated("lorapp", 4, n, l));
      const filled = l * n >= 4 + n - 1;
      expect(lorapp / gpipe).toBeCloseTo(filled ? (4 + n - 1) / n : l, 9);
    },
  );
});

it("two stages, 1F1B and two micro-batches of loads 4 and 1 take 26 seconds", async () => {
  const costs = ["--calibration", `${PAPER}/calibration-tokens.yaml`, "--max-in-flight", "none", "--schedule", "1f1b"];
  const argv = ["simulate", `${PAPER}/workload-two-stages.yaml`, "--devices", "unit*2", ...costs];
  expect((JSON.parse(await printed([...argv, "--json"], ROOT)) as Simulated).makespanSeconds).toBeCloseTo(26, 9);
  await expect(await printed([...argv, "--timeline"], ROOT)).toMatchFileSnapshot(path.join(GOLDENS, "two-stages.txt"));
});

it("a plan prints its stages, groups, memory and prediction", async () => {
  const argv = ["plan", `${PAPER}/workload-eight-jobs.yaml`, "--devices", "unit*4", ...UNIT];
  const text = (await printed(argv, ROOT)).replace(/plan [0-9a-f]{12}/, "plan HASH");
  await expect(text).toMatchFileSnapshot(path.join(GOLDENS, "plan.txt"));
});

it("--help names every command", async () => {
  await expect(await printed(["--help"], ROOT)).toMatchFileSnapshot(path.join(GOLDENS, "help.txt"));
});
