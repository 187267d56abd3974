import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { StepMetrics } from "../../../exec/index.ts";
import { packageFile } from "../../../files/index.ts";
import type { MeasuredCalibration, PlanDocument } from "../../../plan/index.ts";
import type { ChromeEvent, TraceDocument } from "../../../traces/trace-document.ts";
import { printed, temporaryFolder } from "../run-cli.ts";

export const HIDDEN = 64;
export const LAYERS = 2;
export const HEADS = 2;
export const MOST_POSITIONS = 256;
/** Of the byte-level tokenizer: 256 bytes and three marks. */
export const VOCABULARY = 259;
export const DEVICES = ["cpu:0", "cpu:1"] as const;

export const OPTIMIZER = {
  name: "adamw",
  learningRate: 0.01,
  betas: [0.9, 0.99],
  eps: 1e-7,
  weightDecay: 0.02,
  maxGradNorm: 0.5,
  schedule: { name: "cosine", warmupSteps: 3, minRatio: 0.1 },
};

/** Jobs that differ in all that may differ; the third one's rows are texts. */
export const JOBS = [
  { name: "first", steps: 12, rank: 4, alpha: 8, dropout: 0.1, seed: 1 },
  { name: "second", steps: 9, rank: 8, alpha: 4, dropout: 0.2, seed: 2 },
  { name: "third", steps: 4, rank: 12, alpha: 24, dropout: 0.05, seed: 3 },
] as const;

export const TOKEN_ROWS: readonly (readonly number[])[] = Array.from({ length: 40 }, (_, row) =>
  Array.from({ length: 20 + (row % 7) }, (_unused, i) => (i * 5 + row) % 90),
);

export const TEXTS = { path: "texts.jsonl", prompt: "Question: {{question}}\nAnswer:", response: " {{answer}}" };
export const LIMIT = 20;

/** Of each job of a run that goes on for seconds, so that it can be killed. */
export const LONG_STEPS = 1500;

/** What the documents of one small pass through the product say. */
export interface Pass {
  readonly folder: string;
  /** When it began and ended, in milliseconds. */
  readonly began: number;
  readonly ended: number;
  readonly calibration: MeasuredCalibration;
  readonly plan: PlanDocument;
  readonly simulated: TraceDocument;
  readonly executed: TraceDocument;
  readonly metrics: readonly StepMetrics[];
  /** Of a run that was killed. */
  readonly killed: { readonly completions: readonly unknown[]; readonly journal: readonly unknown[] };
  /** What commands print with --json. */
  readonly printed: Readonly<Record<string, unknown>>;
}

/** Events of one kind in a trace. */
export function eventsOf<P extends ChromeEvent["ph"]>(
  trace: TraceDocument,
  ph: P,
): readonly Extract<ChromeEvent, { readonly ph: P }>[] {
  return trace.traceEvents.filter((event): event is Extract<ChromeEvent, { readonly ph: P }> => event.ph === ph);
}

export function readLines(file: string): readonly unknown[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

function writeInputs(folder: string): void {
  const write = (name: string, text: string): void => writeFileSync(path.join(folder, name), text);
  const lines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  write("rows.jsonl", lines(TOKEN_ROWS.map((ids) => ({ input_ids: ids, labels: ids }))));
  const colors = ["red", "blue", "green", "grey"];
  const texts = Array.from({ length: 30 }, (_, i) => ({
    question: `which color has number ${i}`,
    answer: colors[i % 4],
  }));
  write("texts.jsonl", lines(texts));
  const jobs = JOBS.map(({ name, steps, rank, alpha, dropout, seed }) => ({
    ...{ name, steps, seed, batchSize: 4, cutoffLength: 64, optimizer: OPTIMIZER },
    adapter: { rank, alpha, dropout, targets: ["q_proj", "v_proj"] },
    ...(name === "third"
      ? { microBatchTokens: 96, data: { ...TEXTS, shuffle: true, limit: LIMIT } }
      : { microBatchSize: 2, data: { path: "rows.jsonl", format: "tokens" } }),
  }));
  const workload = { kind: "workload", version: 1, model: { path: "model" }, recompute: "layer" };
  write("workload.json", JSON.stringify({ ...workload, jobs }));
  write("long.json", JSON.stringify({ ...workload, jobs: jobs.map((job) => ({ ...job, steps: LONG_STEPS })) }));
  const gpus = ["a0", "a1"].map((name) => ({ name, type: "RTX A6000" }));
  const machines = [{ name: "box", devices: gpus, link: { type: "pcie4x16" } }];
  write("gpus.json", JSON.stringify({ kind: "cluster", version: 1, machines }));
  const costs = { model: "constant", seconds: { F: 0.001, B: 0.002, transfer: 0, update: 0 } };
  write("costs.json", JSON.stringify({ kind: "calibration", version: 1, ...costs }));
}

/** A run of a process of its own that is killed when it has reported something. */
async function killedRun(folder: string): Promise<Pass["killed"]> {
  const devices = ["--devices", DEVICES.join(), "--pipelines", "1"];
  await printed(["plan", "long.json", ...devices, "--calibration", "costs.json", "-o", "long.plan.json"], folder);
  const program = packageFile("dist", "cli", "main.js");
  const at = (name: string): string => path.join(folder, "killed", name);
  const child = spawn(process.execPath, [program, "train", "long.plan.json", "-o", "killed", "--no-cache"], {
    cwd: folder,
    stdio: "ignore",
  });
  const exit = once(child, "exit");
  while (!existsSync(at("completions.jsonl")) || readLines(at("completions.jsonl")).length < 100) {
    if (child.exitCode !== null) throw new Error(`the run ended with ${child.exitCode}`);
    await sleep(20);
  }
  child.kill("SIGKILL");
  await exit;
  return { completions: readLines(at("completions.jsonl")), journal: readLines(at("journal.jsonl")) };
}

/** Makes a model, calibrates, plans, trains, simulates and compares, all small, and asks every command what it says. */
export async function smallPass(): Promise<Pass> {
  const folder = temporaryFolder();
  const read = (...names: readonly string[]) => JSON.parse(readFileSync(path.join(folder, ...names), "utf8"));
  const json = async (...argv: readonly string[]): Promise<unknown> =>
    JSON.parse(await printed([...argv, "--json"], folder));
  const began = Date.now();
  process.env["XDG_CACHE_HOME"] = path.join(folder, "cache");
  writeInputs(folder);
  const size = ["--hidden-size", `${HIDDEN}`, "--layers", `${LAYERS}`, "--heads", `${HEADS}`, "--kv-heads", `${HEADS}`];
  const model = await json("init-model", "model", ...size, "--max-positions", `${MOST_POSITIONS}`);
  const asked = ["workload.json", "--devices", DEVICES.join(), "--pipelines", "1"];
  const calibrate = await json("calibrate", "--workload", ...asked, "-o", "calibration.json");
  const plan = await json("plan", ...asked, "--calibration", "calibration.json", "-o", "plan.json");
  const train = await json("train", "plan.json", "-o", "run");
  const simulate = await json("simulate", "plan.json", "-o", "simulated.json");
  const outputs: Record<string, unknown> = { model, calibrate, plan, train, simulate };
  outputs["compare"] = await json("compare", "simulated.json", "run");
  outputs["check-run"] = await json("check-run", "run");
  outputs["launch"] = await json("launch", "plan.json", "--hosts", "localhost", "-o", "launched");
  outputs["replay"] = await json("replay", "run");
  outputs["watch"] = await json("watch", "run");
  outputs["devices"] = await json("devices");
  outputs["catalog"] = await json("catalog");
  outputs["strategies"] = await json("strategies", "workload.json", "--cluster", "gpus.json");
  outputs["fsdp"] = await json("simulate", "workload.json", "--cluster", "gpus.json", "--schedule", "fsdp");
  outputs["validate"] = await json("validate", "plan.json");
  const killed = await killedRun(folder);
  outputs["watch of a killed run"] = await json("watch", "killed", "--once");
  return {
    ...{ folder, began, killed, printed: outputs, ended: Date.now() },
    calibration: read("calibration.json"),
    plan: read("plan.json"),
    simulated: read("simulated.json"),
    executed: read("run", "trace.json"),
    metrics: readLines(path.join(folder, "run", "metrics.jsonl")) as StepMetrics[],
  };
}
