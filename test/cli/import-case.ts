import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";
import { initModel } from "../../datasets/index.ts";
import { parseWorkload } from "../../plan/index.ts";
import { type CliResult, printed, runCli } from "./run-cli.ts";

/** Of the file that is being tested. */
export let root = "";
export const at = (name: string): string => path.join(root, name);
export const write = (name: string, text: string): void => {
  mkdirSync(path.dirname(at(name)), { recursive: true });
  writeFileSync(at(name), text);
};
export const rows = (name: string, row: (index: number) => object, count = 40): void =>
  write(name, Array.from({ length: count }, (_, index) => JSON.stringify(row(index))).join("\n"));
let made = 0;
/** What becomes of a configuration; it is in a folder of its own. */
export async function imported(text: string, ...options: readonly string[]) {
  made += 1;
  const name = `c${made}.yaml`;
  write(name, text);
  const output = `w${made}.yaml`;
  const result: CliResult = await runCli(["import", name, "-o", output, ...options], root);
  const written = existsSync(at(output)) ? readFileSync(at(output), "utf8") : undefined;
  return {
    ...result,
    text: written,
    workload: written === undefined ? undefined : parseWorkload(written, output),
    output,
  };
}
export const trained = (file: string): Promise<string> =>
  printed(["train", file, "--devices", "cpu:0", "-o", `run-${file}`], root);

export const AXOLOTL = `base_model: ./model
adapter: lora
load_in_8bit: false
datasets:
  - { path: alpaca.jsonl, type: alpaca }
sequence_len: 2_56
sample_packing: false
lora_r: 4
lora_alpha: 8
lora_dropout: 0.05
lora_target_linear: true
gradient_accumulation_steps: 2
micro_batch_size: 4
num_epochs: 2
optimizer: adamw_bnb_8bit
lr_scheduler: cosine
learning_rate: 0.0002
warmup_ratio: 0.1
val_set_size: 0.1
evals_per_epoch: 2
bf16: auto
wandb_project:
logging_steps: 1
output_dir: ./outputs/my-lora
`;

export const LLAMAFACTORY = `model_name_or_path: ./model
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 4
lora_target: all
dataset: talks
template: llama3
cutoff_len: 128
max_samples: 20
per_device_train_batch_size: 1
gradient_accumulation_steps: 4
learning_rate: 1.0e-4
num_train_epochs: 1.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
output_dir: saves/chat
report_to: none
`;

export const MLORA = `dispatcher: { name: default, concurrency_num: 2 }
datasets:
  - { name: data, data: rows/pairs.json, prompt: rows/prompt.yaml, prompt_type: instruction, preprocess: shuffle }
adapters:
  - { name: one, type: lora, path: adapters/one, optimizer: adamw, lr: 3e-4, r: 4, alpha: 8, dropout: 0.05, target_modules: { q_proj: true, v_proj: false } }
  - { name: two, type: lora, path: adapters/two, optimizer: adamw, lr: 3e-5, r: 8, alpha: 8, dropout: 0, target_modules: { q_proj: true } }
tasks:
  - { type: train, name: a, adapter: one, dataset: data, batch_size: 4, mini_batch_size: 2, num_epochs: 1, cutoff_len: 64, save_step: 9 }
  - { type: train, name: b, adapter: two, dataset: data, batch_size: 8, mini_batch_size: 8, num_epochs: 1, cutoff_len: 64, save_step: 9 }
`;

/** Called by each file of tests: several of them may share one process, and this file with it. */
export function useImportInputs(): void {
  beforeAll(() => {
    root = mkdtempSync(path.join(tmpdir(), "loratwin-import-"));
    writeInputs();
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));
}

function writeInputs(): void {
  initModel({ folder: at("model"), hiddenSize: 16, layers: 1, heads: 1, seed: 0, maxPositions: 512 });
  rows("alpaca.jsonl", (index) => ({ instruction: "Count on.", input: `${index}`, output: `${index + 1}` }));
  rows("mixed.jsonl", (index) => ({ instruction: "Count on.", input: index % 2 === 0 ? "" : "7", output: "8" }));
  rows("told.jsonl", (index) => ({ instruction: "Count on.", input: "", output: `${index}`, system: "Be kind." }));
  const talk = (index: number) => [
    { from: "human", value: `${index}?` },
    { from: "gpt", value: `${index}.` },
  ];
  rows("talks.jsonl", (index) => ({ conversations: talk(index) }));
  rows("data/talks.jsonl", (index) => ({ conversations: talk(index) }));
  const pair = (index: number) => ({ chosen: `${index}.`, rejected: "No." });
  rows("pairs.jsonl", (index) => ({ messages: [{ role: "user", content: `${index}?` }], ...pair(index) }));
  rows("labelled.jsonl", (index) => ({ prompt: `${index}?`, completion: `${index}.`, label: index % 2 === 0 }));
  rows("data/pairs.jsonl", (index) => ({ instruction: `${index}?`, ...pair(index) }));
  write(
    "data/dataset_info.json",
    '{"pairs":{"file_name":"pairs.jsonl","ranking":true,"columns":{"prompt":"instruction","chosen":"chosen","rejected":"rejected"}},"talks":{"file_name":"talks.jsonl","formatting":"sharegpt"},"more":{"file_name":"talks.jsonl","formatting":"sharegpt"},"odd":{"file_name":"talks.jsonl","formatting":"sharegpt","tags":{"role_tag":"who","content_tag":"said","user_tag":"me"}}}',
  );
  write(
    "rows/pairs.json",
    JSON.stringify(Array.from({ length: 16 }, (_, index) => ({ ask: `${index}`, say: `${index}.` }))),
  );
  write(
    "rows/prompt.yaml",
    "template: |\n  Ask: {{ data_point['ask'] + '\\n'}}\n  {% if 'input' in data_point %}\n  In: {{ data_point['input'] }}\n  {% endif %}\n  Say: {{ data_point['say'] }}\n",
  );
}
