import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { packageFile } from "../cli/package-file.ts";
import type { StageContext } from "./stage.ts";

/** Large enough that an action takes a GPU milliseconds, small enough to write and load in a second. */
const MODEL = { "hidden-size": 1024, layers: 8, heads: 16, "kv-heads": 8 };
const TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
const JOBS = [
  { data: "arithmetic", prompt: "Q: {{instruction}}\nA:", response: " {{output}}", rank: 16 },
  { data: "unit-conversion", prompt: "Q: {{instruction}}\nA:", response: " {{output}}", rank: 8 },
  { data: "dates", prompt: "Q: {{instruction}}\nA:", response: " {{output}}", rank: 4 },
  { data: "word-problems", prompt: "Q: {{question}}\nA:", response: " {{answer}}", rank: 32 },
];

const twinFolder = (folder: string): string => path.join(folder, "twin");

export const calibrationFile = (folder: string): string => path.join(twinFolder(folder), "calibration.json");

/** A random model and a workload of four adapters on the example data; made once. */
export async function writeTwinWorkload(context: StageContext): Promise<string> {
  const folder = twinFolder(context.folder);
  const workload = path.join(folder, "workload.json");
  if (existsSync(workload)) return workload;
  mkdirSync(folder, { recursive: true });
  const shape = Object.entries(MODEL).flatMap(([name, value]) => [`--${name}`, String(value)]);
  await context.loratwin(["init-model", path.join(folder, "model"), ...shape, "--seed", "1"]);
  const jobs = JOBS.map(({ data, prompt, response, rank }, seed) => ({
    name: data,
    data: { path: packageFile("examples", "data", `${data}.jsonl`), prompt, response },
    adapter: { rank, alpha: 2 * rank, dropout: 0, targets: TARGETS },
    batchSize: 64,
    microBatchSize: 16,
    steps: 8,
    cutoffLength: 256,
    seed,
    optimizer: { name: "adamw", learningRate: 1e-3 },
  }));
  writeFileSync(
    workload,
    JSON.stringify({ kind: "workload", version: 1, model: { path: "model", dtype: "bfloat16" }, jobs }),
  );
  return workload;
}
