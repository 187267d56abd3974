import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { CLUSTER, edited, WORKLOAD } from "../bad-input/bad-input.ts";
import { printed } from "../run-cli.ts";

/** A mistake of somebody's first hour: it lies in a folder of its own beside `../model` and `../rows.jsonl`. */
export interface Mistake {
  readonly name: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly prepare?: (folder: string) => void | Promise<void>;
  /** As typed in a shell, word by word. */
  readonly argv: readonly string[];
  /** 2 where absent. */
  readonly code?: number;
}

const OWN = { "w.yaml": WORKLOAD };
const PLAN = ["plan", "w.yaml", "--devices", "cpu:0"] as const;

/** A workload with some changes. */
function changed(...changes: readonly (readonly [from: string, to: string])[]): Readonly<Record<string, string>> {
  return { "w.yaml": changes.reduce((text, [from, to]) => edited(text, from, to), WORKLOAD) };
}

const ADAPTER = "adapter: { rank: 4, alpha: 8 }";
const FIRST_ROWS = "data: { path: ../rows.jsonl }\n    seed";

const AXOLOTL = `base_model: NousResearch/Llama-3.2-1B
load_in_8bit: true
datasets:
  - path: rows.jsonl
    type: alpaca
adapter: lora
lora_r: 16
lora_alpha: 32
lora_target_linear: true
sequence_len: 2048
gradient_accumulation_steps: 4
micro_batch_size: 2
num_epochs: 3
learning_rate: 0.0002
lr_scheduler: cosine
warmup_ratio: 0.1
val_set_size: 0.05
output_dir: ./out
wandb_project: mine
bf16: auto
`;

const FACTORY_KEYS = `  lora_rank: 8
  lora_target: all
  cutoff_len: 1024
  per_device_train_batch_size: 1
  gradient_accumulation_steps: 8
  learning_rate: 1.0e-4
  num_train_epochs: 3.0
  warmup_ratio: 0.1
  lr_scheduler_type: cosine
`;

const planOf = (folder: string): Promise<string> => printed([...PLAN, "-o", "plan.json", "--quiet"], folder);
const runOf = (folder: string): Promise<string> =>
  printed(["train", "w.yaml", "--devices", "cpu:0", "-o", "run", "--quiet"], folder);

/** A copy of the model without some files. */
function modelWithout(...names: readonly string[]): (folder: string) => void {
  return (folder) => {
    cpSync(path.join(folder, "../model"), path.join(folder, "model"), { recursive: true });
    for (const name of names) rmSync(path.join(folder, "model", name));
  };
}

function bytes(name: string, content: (rows: Buffer) => Buffer): (folder: string) => void {
  return (folder) => writeFileSync(path.join(folder, name), content(readFileSync(path.join(folder, "../rows.jsonl"))));
}

function utf16(text: string): Buffer {
  return Buffer.from(`\ufeff${text}`, "utf16le");
}

const TYPED: readonly Mistake[] = [
  { name: "a command misspelt", argv: ["trian", "w.yaml"] },
  { name: "a command of another tool", argv: ["finetune", "w.yaml"] },
  { name: "no command", argv: [] },
  { name: "an option misspelt", files: OWN, argv: ["plan", "w.yaml", "--device", "cpu:0"] },
  { name: "an option with underscores", files: OWN, argv: [...PLAN, "--max_in_flight", "2"] },
  { name: "an option of another command", files: OWN, argv: [...PLAN, "--overwrite"] },
  { name: "an option without its value", files: OWN, argv: [...PLAN, "--groups"] },
  { name: "an output without its value", files: OWN, argv: [...PLAN, "-o"] },
  { name: "an option switched off that has a value", files: OWN, argv: ["plan", "w.yaml", "--no-devices"] },
  { name: "a switch with another word than true or false", files: OWN, argv: [...PLAN, "--json=maybe"] },
  { name: "a word of an option misspelt", files: OWN, argv: [...PLAN, "--schedule", "lorap"] },
  { name: "a dtype that leaves something open", files: OWN, argv: [...PLAN, "--dtype", "4bit"] },
  { name: "no argument", argv: ["plan"] },
  { name: "one argument too many, for want of quotes", argv: ["catalog", "H100", "SXM"] },
  { name: "a training without a folder", files: OWN, argv: ["train", "w.yaml"] },
  { name: "two ways of a calibration at once", argv: ["calibrate", "--script", "cuda", "--from", "k.csv"] },
];

const FILES: readonly Mistake[] = [
  { name: "a missing file", files: OWN, argv: ["plan", "w.yml"] },
  { name: "a missing folder before a file", files: { "jobs/w.yaml": WORKLOAD }, argv: ["plan", "job/w.yaml"] },
  {
    name: "a folder in place of a file",
    prepare: (folder) => void mkdirSync(path.join(folder, "w")),
    argv: ["plan", "w"],
  },
  {
    name: "a plan where a workload is needed",
    files: OWN,
    prepare: async (folder) => void (await planOf(folder)),
    argv: ["plan", "plan.json"],
  },
  {
    name: "a trace where a plan is needed",
    files: OWN,
    prepare: async (folder) => {
      await printed(["simulate", "w.yaml", "--devices", "cpu:0", "-o", "trace.json", "--quiet"], folder);
    },
    argv: ["train", "trace.json", "-o", "run"],
  },
  { name: "a workload where a trace is needed", files: OWN, argv: ["compare", "w.yaml", "w.yaml"] },
  { name: "a workload where a cluster is needed", files: OWN, argv: ["plan", "w.yaml", "--cluster", "w.yaml"] },
  { name: "rows where a workload is needed", argv: ["plan", "../rows.jsonl"] },
  {
    name: "a workload in UTF-16",
    prepare: (folder) => writeFileSync(path.join(folder, "w.yaml"), utf16(WORKLOAD)),
    argv: ["plan", "w.yaml"],
  },
  { name: "a YAML file indented with tabs", files: changed(["\n  batchSize", "\n\tbatchSize"]), argv: PLAN },
  { name: "a file of Axolotl", files: { "config.yaml": AXOLOTL }, argv: ["train", "config.yaml", "-o", "run"] },
];

const WORKLOADS: readonly Mistake[] = [
  { name: "keys of LLaMA-Factory among ours", files: changed([`  ${ADAPTER}\n`, FACTORY_KEYS]), argv: PLAN },
  {
    name: "keys of PEFT in the adapter and of PyTorch in the optimizer",
    files: changed(
      [ADAPTER, "adapter: { r: 4, lora_alpha: 8, target_modules: [q_proj, v_proj] }"],
      ["learningRate", "lr"],
    ),
    argv: PLAN,
  },
  {
    name: "keys of ours in the wrong mapping",
    files: changed([ADAPTER, "rank: 4\n  learningRate: 1.0e-3"]),
    argv: PLAN,
  },
  {
    name: "many faults at once",
    files: changed(
      ["rank: 4", "rank: four"],
      ["batchSize: 4", "batchSize: 0"],
      ["cutoffLength: 32", 'cutoffLength: "32"'],
      ["name: second", "name: a b"],
    ),
    argv: PLAN,
  },
  { name: "a key misspelt", files: changed(["batchSize: 4", "batchSzie: 4"]), argv: PLAN },
  {
    name: "texts in place of mappings",
    files: changed(["{ path: ../model }", "../model"], [FIRST_ROWS, "data: ../rows.jsonl\n    seed"]),
    argv: PLAN,
  },
  { name: "steps and epochs", files: changed(["steps: 2", "steps: 2\n  epochs: 1"]), argv: PLAN },
  { name: "neither steps nor epochs", files: changed(["  steps: 2\n", ""]), argv: PLAN },
  {
    name: "a batch that micro-batches do not divide",
    files: changed(["microBatchSize: 2", "microBatchSize: 3"]),
    argv: PLAN,
  },
  { name: "a target misspelt", files: changed([ADAPTER, "adapter: { targets: [q_proj, vproj] }"]), argv: PLAN },
  { name: "an optimizer of another tool", files: changed(["name: adamw", "name: adamw_8bit"]), argv: PLAN },
  { name: "a dtype that is none", files: changed(["../model }", "../model, dtype: fp16 }"]), argv: PLAN },
  { name: "a model's name that is none", files: changed(["path: ../model", "architecture: llama-3-9b"]), argv: PLAN },
  { name: "no workload's head", files: { "w.yaml": WORKLOAD.replace("kind: workload\nversion: 1\n", "") }, argv: PLAN },
];

const MODELS_AND_DATA: readonly Mistake[] = [
  { name: "a model folder misspelt", files: changed(["../model", "../modle"]), argv: PLAN },
  { name: "a model of the hub without hf:", files: changed(["../model", "meta-llama/Llama-3.2-1B"]), argv: PLAN },
  {
    name: "a model folder without config",
    files: changed(["../model", "model"]),
    prepare: modelWithout("config.json"),
    argv: PLAN,
  },
  {
    name: "a model folder without tokenizer",
    files: changed(["../model", "model"]),
    prepare: modelWithout("tokenizer.json"),
    argv: PLAN,
  },
  {
    name: "an adapter's folder as the model",
    files: { ...changed(["../model", "adapter"]), "adapter/adapter_config.json": "{}" },
    argv: PLAN,
  },
  { name: "a data file misspelt", files: changed(["../rows.jsonl", "../row.jsonl"]), argv: PLAN },
  { name: "an empty data file", files: { ...changed(["../rows.jsonl", "d.jsonl"]), "d.jsonl": "" }, argv: PLAN },
  {
    name: "a zip file named .jsonl",
    files: changed(["../rows.jsonl", "d.jsonl"]),
    prepare: bytes("d.jsonl", () => Buffer.from("PK\u0003\u0004 rest")),
    argv: PLAN,
  },
  {
    name: "rows in UTF-16",
    files: changed(["../rows.jsonl", "d.jsonl"]),
    prepare: bytes("d.jsonl", (rows) => utf16(rows.toString())),
    argv: PLAN,
  },
];

const MACHINES: readonly Mistake[] = [
  { name: "a GPU of which there are several", files: OWN, argv: ["plan", "w.yaml", "--devices", "H100*2"] },
  { name: "a GPU misspelt", argv: ["catalog", "RTX 4900"] },
  { name: "a device without its colon", files: OWN, argv: ["plan", "w.yaml", "--devices", "cpu0"] },
  { name: "more devices than layers", files: OWN, argv: ["plan", "w.yaml", "--devices", "unit*9"] },
  {
    name: "GPUs that are not here, to train",
    files: OWN,
    argv: ["train", "w.yaml", "--devices", "H100 SXM*2", "-o", "run"],
    code: 3,
  },
  {
    name: "a cluster with a GPU misspelt and memory in bits",
    files: {
      ...OWN,
      "c.yaml": edited(edited(CLUSTER, "type: cpu, threads: 1", "type: H100, memoryBytes: 640 Gbit"), "cpu:1", "g"),
    },
    argv: ["plan", "w.yaml", "--cluster", "c.yaml"],
  },
  {
    name: "a model that no device here holds",
    files: {
      "w.yaml": edited(WORKLOAD, "path: ../model", "architecture: llama-3.1-405b").replaceAll(
        "path: ../rows.jsonl",
        "lengths: 8",
      ),
      "c.yaml": "kind: cluster\nversion: 1\nmachines:\n  - name: m\n    devices: [{ name: g, type: rtx 4090 }]\n",
    },
    argv: ["plan", "w.yaml", "--cluster", "c.yaml"],
  },
];

const RUNS: readonly Mistake[] = [
  {
    name: "a run folder that exists",
    files: OWN,
    prepare: async (folder) => void (await runOf(folder)),
    argv: ["train", "w.yaml", "--devices", "cpu:0", "-o", "run"],
  },
  {
    name: "a folder of something else as the run folder",
    files: { ...OWN, "run/notes.txt": "mine" },
    argv: ["train", "w.yaml", "--devices", "cpu:0", "-o", "run"],
  },
  { name: "a resume of a folder that is none", files: OWN, argv: ["resume", "nowhere"] },
  { name: "a resume as an option", files: OWN, argv: ["train", "--resume", "run"] },
  { name: "a resume of a model", argv: ["resume", "../model"] },
  {
    name: "a resume of a run that has ended",
    files: OWN,
    prepare: async (folder) => void (await runOf(folder)),
    argv: ["resume", "run"],
  },
  {
    name: "a folder that cannot be written",
    files: OWN,
    argv: ["train", "w.yaml", "--devices", "cpu:0", "-o", "w.yaml/run"],
  },
  { name: "an output that is the input", files: OWN, argv: [...PLAN, "-o", "w.yaml"] },
  { name: "a server that is not there", argv: ["jobs", "nowhere"], code: 3 },
];

/** What people do wrong in their first hour. */
export const MISTAKES: readonly Mistake[] = [
  ...TYPED,
  ...FILES,
  ...WORKLOADS,
  ...MODELS_AND_DATA,
  ...MACHINES,
  ...RUNS,
];
