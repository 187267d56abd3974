import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { run } from "../../cli/run.ts";
import { executePlan, openModelFolder, readPeftFolder } from "../../exec/index.ts";
import { JOB_DEFAULTS, jobSchema } from "../../plan/documents/workload.ts";
import type { Dtype, Plan } from "../../plan/index.ts";
import { isFused, parsePlan } from "../../plan/index.ts";
import { isNightly } from "../level.ts";
import { HAS_SHARED, SHARED } from "../shared-folder.ts";
import { planCase, readOracleCase, relativeDistance } from "./oracle-case.ts";

const MODEL = path.join(SHARED, "models/tinystories-260k");
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loratwin-"));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const JOBS = [
  { name: "small", rank: 4, targets: ["q_proj", "v_proj"] },
  { name: "attention", rank: 8, targets: ["q_proj", "k_proj", "v_proj", "o_proj"] },
  { name: "mlp", rank: 12, targets: ["gate_proj", "up_proj", "down_proj"] },
  {
    name: "all",
    rank: 16,
    targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
  },
] as const;

const workloadOf = (dtype: Dtype, steps: number): string => `kind: workload
version: 1
model: { path: ${JSON.stringify(MODEL)}, dtype: ${dtype} }
defaults:
  batchSize: 4
  microBatchSize: 2
  steps: ${steps}
  cutoffLength: 256
  optimizer: { learningRate: 1.0e-3 }
  data:
    path: ${JSON.stringify(path.join(SHARED, "data/gsm8k-train.jsonl"))}
    prompt: "Question: {{question}}\\nAnswer:"
    response: " {{answer}}"
    shuffle: true
jobs:
${JOBS.map(({ name, rank, targets }, seed) => `  - { name: ${name}, seed: ${seed}, adapter: { rank: ${rank}, alpha: ${2 * rank}, targets: [${targets.join(", ")}] } }`).join("\n")}
`;

interface Trained {
  readonly jobs: readonly { readonly name: string; readonly losses: readonly number[]; readonly adapter: string }[];
}

async function train(output: string, workload: string, ...options: readonly string[]): Promise<Trained> {
  const file = path.join(folder, `${output}.yaml`);
  fs.writeFileSync(file, workload);
  let text = "";
  let errors = "";
  const io = {
    stdout: (part: string) => {
      text += part;
    },
    stderr: (part: string) => {
      errors += part;
    },
    isTty: false,
    cwd: folder,
  };
  const code = await run(["train", file, "-o", output, "--json", ...options], io);
  expect(code, errors).toBe(0);
  return JSON.parse(text) as Trained;
}

let fullPrecision: Promise<Trained> | undefined;
/** Enough for losses to fall. */
const STEPS = isNightly ? 100 : 50;
/** Steps in fp32 on two devices, run once. */
function pipelinedRun(): Promise<Trained> {
  fullPrecision ??= train("pipelined", workloadOf("float32", STEPS), "--devices", "cpu:0,cpu:1");
  return fullPrecision;
}

/** 50 steps in bfloat16 on two devices, run once. */
let halfPrecision: Promise<Trained> | undefined;
function halfRun(): Promise<Trained> {
  halfPrecision ??= train("half", workloadOf("bfloat16", 50), "--devices", "cpu:0,cpu:1");
  return halfPrecision;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe.skipIf(!HAS_SHARED)("four adapters of different ranks and targets on TinyStories and GSM8K", () => {
  test("learn on two devices what sequential training learns, and their losses fall", {
    tags: ["slow"],
    timeout: 600_000,
  }, async () => {
    const pipelined = await pipelinedRun();
    const sequential = await train(
      "sequential",
      workloadOf("float32", STEPS),
      "--devices",
      "cpu:0",
      "--schedule",
      "sequential",
      "--no-fuse",
    );
    const [fused, plain] = ["pipelined", "sequential"].map((name) =>
      parsePlan(fs.readFileSync(path.join(folder, name, "plan.json"), "utf8"), "plan.json"),
    );
    // What is compared has to have been run in two ways.
    expect([fused!.schedule, isFused(fused!), fused!.stages.length, fused!.groups.length]).toEqual([
      "lorapp",
      true,
      2,
      2,
    ]);
    expect([plain!.schedule, isFused(plain!), plain!.stages.length, plain!.groups.length]).toEqual([
      "sequential",
      false,
      1,
      4,
    ]);
    const { architecture } = openModelFolder(MODEL);
    JOBS.forEach(({ name, rank, targets }) => {
      const [one, other] = [pipelined, sequential].map(({ jobs }) => jobs.find((job) => job.name === name)!);
      expect(one!.losses.length).toBe(STEPS);
      expect(one!.adapter).not.toBe(other!.adapter);
      const worst = Math.max(...one!.losses.map((loss, step) => Math.abs(loss / other!.losses[step]! - 1)));
      expect(worst).toBeLessThan(1e-4);
      const spec = { rank, alpha: 2 * rank, dropout: 0, targets: [...targets] };
      const [a, b] = [one!, other!].map(({ adapter }) => readPeftFolder(adapter, spec, architecture));
      const distance = relativeDistance(a!, b!);
      expect(distance).toBeLessThan(1e-3);
      const [first, last] = [mean(one!.losses.slice(0, 10)), mean(one!.losses.slice(-10))];
      expect(last).toBeLessThan(first * 0.9);
    });
  });

  test("have in bfloat16 every step's loss within a hundredth of fp32's", {
    tags: ["nightly"],
    timeout: 600_000,
  }, async () => {
    const half = await halfRun();
    const full = await pipelinedRun();
    JOBS.forEach(({ name }) => {
      const [one, other] = [half, full].map(({ jobs }) => jobs.find((job) => job.name === name)!.losses);
      expect([one!.length, other!.length]).toEqual([50, STEPS]);
      expect(Math.max(...one!.map((loss, step) => Math.abs(loss / other![step]! - 1)))).toBeLessThan(0.01);
    });
  });

  // Rounding of a weight, of normal ones and by root mean square: 0.7 % of their deviation in int8 (a step of absmax /
  // 127 over sqrt(12)), 9 % in nf4.
  const formats = [
    ["nf4", 0.05],
    ["int8", 0.01],
  ] as const;

  test.each(formats)(
    "have in %s every step's loss within %d of bfloat16's, and it falls",
    { tags: ["nightly"], timeout: 600_000 },
    async (dtype, bound) => {
      const quantized = await train(dtype, workloadOf(dtype, 50), "--devices", "cpu:0,cpu:1");
      const half = await halfRun();
      JOBS.forEach(({ name }) => {
        const [one, other] = [quantized, half].map(({ jobs }) => jobs.find((job) => job.name === name)!.losses);
        expect(one!.length).toBe(50);
        expect(Math.max(...one!.map((loss, step) => Math.abs(loss / other![step]! - 1)))).toBeLessThan(bound);
        expect(mean(one!.slice(-10))).toBeLessThan(mean(one!.slice(0, 10)) * 0.9);
      });
    },
  );
});

const PYTHON = "/usr/bin/python3";
const REFERENCE = path.join(SHARED, "oracle/lora_reference.py");

function whyNoTorch(): string | undefined {
  if (!HAS_SHARED) return "the shared folder is missing";
  try {
    execFileSync(PYTHON, ["-c", "import torch, safetensors"], { stdio: "pipe" });
    return undefined;
  } catch {
    return `${PYTHON} cannot import torch and safetensors`;
  }
}

const noTorch = whyNoTorch();

describe.skipIf(noTorch !== undefined)(
  `a fresh run of the PyTorch reference${noTorch === undefined ? "" : ` (skipped: ${noTorch})`}`,
  () => {
    test.each([1, 4])("gives our losses, norms and adapters with micro-batches of %i", async (microBatchSize) => {
      const steps = [0, 1].map((step) =>
        Array.from({ length: 4 }, (_, row) => {
          const ids = Array.from({ length: 9 + 11 * row + step }, (_, t) => (t * t + 17 * row + 5 * step + 3) % 512);
          return { input_ids: ids, labels: ids.map((id, t) => (t < 3 + row ? -100 : id)) };
        }),
      );
      const source = readOracleCase();
      const init = path.join(SHARED, "oracle/cases/two-adapters/init", source.jobs[1]!.name);
      const { adapter } = source.jobs[1]!;
      const spec = { name: "fresh", rank: adapter.rank, alpha: adapter.alpha, lr: 2e-3, weight_decay: 0.01 };
      const output = path.join(folder, `fresh-${microBatchSize}`);
      const file = path.join(folder, `case-${microBatchSize}.json`);
      const job = { ...spec, target_modules: adapter.targets, init, max_grad_norm: 0.5, steps };
      fs.writeFileSync(file, JSON.stringify({ model: MODEL, dtype: "float32", jobs: [job] }));
      execFileSync(PYTHON, [REFERENCE, file, output], { stdio: "pipe", env: { ...process.env, OMP_NUM_THREADS: "1" } });
      const own = jobSchema.parse({
        ...JOB_DEFAULTS,
        name: "fresh",
        data: { path: "case.jsonl", format: "tokens" },
        adapter,
        batchSize: 4,
        microBatchSize,
        steps: 2,
        optimizer: { ...JOB_DEFAULTS.optimizer, learningRate: 2e-3, weightDecay: 0.01, maxGradNorm: 0.5 },
      });
      const rows = steps
        .flat()
        .map((row) => ({ inputIds: Int32Array.from(row.input_ids), labels: Int32Array.from(row.labels) }));
      const start = readPeftFolder(init, adapter, source.model.architecture);
      const plan: Plan = planCase(
        { ...source, jobs: [own], data: [rows], start: [start] },
        { devices: "cpu:0,cpu:1", groups: 1 },
      );
      const result = await executePlan({ plan, model: source.model, rows: [rows], start: [start], versions: {} });
      const { fresh } = JSON.parse(fs.readFileSync(path.join(output, "history.json"), "utf8")) as Record<
        string,
        { history: { loss: number; grad_norm: number }[] }
      >;
      result.metrics.forEach((row, step) => {
        expect(Math.abs(row.loss / fresh!.history[step]!.loss - 1)).toBeLessThan(1e-4);
        expect(Math.abs(row.gradNorm / fresh!.history[step]!.grad_norm - 1)).toBeLessThan(1e-3);
      });
      expect(
        relativeDistance(
          result.adapters[0]!,
          readPeftFolder(path.join(output, "fresh"), adapter, source.model.architecture),
        ),
      ).toBeLessThan(1e-3);
    });
  },
);
