import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { packageFile } from "../files/index.ts";
import { TWIN_MODEL } from "./places.ts";
import { writeTwinModel } from "./twin-model.ts";

const TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
const JOBS = [
  { data: "arithmetic", prompt: "Q: {{instruction}}\nA:", response: " {{output}}", rank: 16 },
  { data: "unit-conversion", prompt: "Q: {{instruction}}\nA:", response: " {{output}}", rank: 8 },
  { data: "dates", prompt: "Q: {{instruction}}\nA:", response: " {{output}}", rank: 4 },
  { data: "word-problems", prompt: "Q: {{question}}\nA:", response: " {{answer}}", rank: 32 },
];

/** A random model, and in the folder a workload of four adapters on the example data; returns the workload's path. */
export function writeTwinWorkload(folder: string): string {
  if (!existsSync(path.join(TWIN_MODEL, "model.safetensors"))) writeTwinModel(TWIN_MODEL);
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
  const workload = path.join(folder, "workload.json");
  writeFileSync(
    workload,
    JSON.stringify({ kind: "workload", version: 1, model: { path: TWIN_MODEL, dtype: "bfloat16" }, jobs }),
  );
  return workload;
}
