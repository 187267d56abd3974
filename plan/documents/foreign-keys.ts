import { writtenDtypeSchema } from "./dtype.ts";
import { UNFUSED_PROJECTIONS } from "./projections.ts";
import { RATE_SCHEDULES } from "./rate-schedule.ts";

/** The keys beside one, and itself, as they are written. */
export type Siblings = Readonly<Record<string, unknown>>;

/** What a key of another tool is here. Absent `to`: nothing, and `note` says why. */
export interface ForeignKey {
  /** Path of our key: in a job, or of `model` and `recompute` in the workload. */
  readonly to?: readonly [string, ...string[]];
  /** The value as ours; undefined where it has none. As it is when absent. */
  readonly value?: (given: unknown, siblings: Siblings) => unknown;
  /** What else there is to know, as a sentence. */
  readonly note?: string;
}

function numberOf(given: unknown): number | undefined {
  const value = typeof given === "string" && given.trim() !== "" ? Number(given) : given;
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function wholeOf(given: unknown): number | undefined {
  const value = numberOf(given);
  return value !== undefined && Number.isInteger(value) && value > 0 ? value : undefined;
}

/** The first of these keys that is a whole number. */
function countIn(siblings: Siblings, ...names: readonly string[]): number | undefined {
  return names.map((name) => wholeOf(siblings[name])).find((count) => count !== undefined);
}

const MICRO = [
  "per_device_train_batch_size",
  "micro_batch_size",
  "per_gpu_train_batch_size",
  "mini_batch_size",
] as const;

/** Rows of a step, where both factors are written. */
function rowsOfStep(siblings: Siblings): number | undefined {
  const rows = countIn(siblings, ...MICRO);
  const steps = countIn(siblings, "gradient_accumulation_steps");
  return rows === undefined || steps === undefined ? undefined : rows * steps;
}

/** PEFT's word for all, LLaMA-Factory's, a text with commas, a list, or mLoRA's mapping of names to true. */
function targetsOf(given: unknown): unknown {
  if (given === "all-linear" || given === "all") return "all-linear";
  const names: readonly unknown[] =
    typeof given === "string"
      ? given.split(",").map((name) => name.trim())
      : Array.isArray(given)
        ? given
        : Object.entries(given ?? {}).flatMap(([name, isOn]) => (isOn === true ? [name] : []));
  const ours = UNFUSED_PROJECTIONS.filter((name) => names.includes(name));
  if (ours.length === 0 || names.some((name) => !ours.includes(name as (typeof ours)[number]))) return undefined;
  return ours.length === UNFUSED_PROJECTIONS.length ? "all-linear" : ours;
}

const FILE = /\.(jsonl|ndjson|json|csv|tsv|parquet)$/i;
const HUB = /^[\w-]+\/[\w.-]+$/;

/** A folder as it is, and a name of the hub with what says so. */
function modelOf(given: unknown): unknown {
  return typeof given !== "string" ? undefined : HUB.test(given) ? `hf:${given}` : given;
}

/** A file, or a name of the hub; of a list, such as Axolotl's, the first. */
function dataOf(given: unknown): unknown {
  const first: unknown = Array.isArray(given) ? given[0] : given;
  const name = typeof first === "object" && first !== null ? (first as Siblings)["path"] : first;
  if (typeof name !== "string") return undefined;
  return FILE.test(name) || !HUB.test(name) ? name : `hf:datasets/${name}`;
}

function isOn(given: unknown): boolean {
  return given === true || given === "true" || given === "auto";
}

/** The Trainer's names, where they are not ours. */
const SCHEDULES: Readonly<Record<string, string>> = { constant_with_warmup: "constant", cosine_with_min_lr: "cosine" };

function scheduleOf(given: unknown): unknown {
  const name = typeof given === "string" && Object.hasOwn(SCHEDULES, given) ? SCHEDULES[given] : given;
  return RATE_SCHEDULES.find((one) => one === name);
}

function warmupOf(given: unknown, siblings: Siblings): unknown {
  const [share, steps] = [numberOf(given), countIn(siblings, "max_steps", "steps")];
  return share === undefined || steps === undefined ? undefined : Math.round(share * steps);
}

function betasOf(_: unknown, siblings: Siblings): unknown {
  return [numberOf(siblings["adam_beta1"]) ?? 0.9, numberOf(siblings["adam_beta2"]) ?? 0.999];
}

const RANK = { to: ["adapter", "rank"], value: wholeOf } as const satisfies ForeignKey;
const TARGETS = { to: ["adapter", "targets"], value: targetsOf } as const satisfies ForeignKey;
const LEARNING_RATE = { to: ["optimizer", "learningRate"], value: numberOf } as const satisfies ForeignKey;
const LORA_PLUS = { to: ["optimizer", "loraPlusRatio"], value: numberOf } as const satisfies ForeignKey;
const SCHEDULE = {
  to: ["optimizer", "schedule", "name"],
  value: scheduleOf,
  note: `There are ${RATE_SCHEDULES.join(", ")}.`,
} as const satisfies ForeignKey;
const STEPS = { to: ["steps"], value: wholeOf } as const satisfies ForeignKey;
const EPOCHS = { to: ["epochs"], value: wholeOf, note: "Epochs are whole numbers." } as const satisfies ForeignKey;
const MICRO_BATCH = { to: ["microBatchSize"], value: wholeOf } as const satisfies ForeignKey;
const CUTOFF = { to: ["cutoffLength"], value: wholeOf } as const satisfies ForeignKey;
const MODEL = { to: ["model", "path"], value: modelOf } as const satisfies ForeignKey;
const DATA = {
  to: ["data", "path"],
  value: dataOf,
  note: "A job has one file or folder.",
} as const satisfies ForeignKey;
/** Others have other names for templates. */
const CHAT_TEMPLATE = {
  to: ["data", "chatTemplate"],
  value: () => undefined,
  note: "Without it chats take the template of the model's tokenizer.",
} as const satisfies ForeignKey;
const SHARE = {
  to: ["evaluation", "share"],
  value: (given: unknown) => ((numberOf(given) ?? 1) < 1 ? numberOf(given) : undefined),
  note: "It is a share of the rows, below 1.",
} as const satisfies ForeignKey;
const EVERY_STEPS = { to: ["evaluation", "everySteps"], value: wholeOf } as const satisfies ForeignKey;

function noKey(note: string): ForeignKey {
  return { note };
}
const ALWAYS_LORA = noKey("Every adapter is a LoRA: leave it out.");
const NO_PADDING = noKey("Rows are packed without padding as it is: leave it out.");
const OUTPUT = noKey("The folder is an option: `loratwin train FILE -o FOLDER`.");
const JOURNAL = noKey("The run folder has every step's loss in metrics.jsonl: leave it out.");
const CHECKPOINTS = noKey("Checkpoints are options: `loratwin train --help` lists them.");
const OF_DEVICES = noKey("Devices are options: --devices or --cluster.");
const OF_JOBS = noKey("Each adapter is an entry of `jobs`, with its own `data`.");
const OWN_KERNELS = noKey("Kernels are chosen by the device: leave it out.");

/**
 * Keys of Axolotl, LLaMA-Factory, TRL, PEFT, transformers and mLoRA by their names there, and what they are here. Source:
 * the references of these tools (Axolotl's config reference, LLaMA-Factory's `hparams`, transformers' TrainingArguments,
 * TRL's SFTConfig and ModelConfig, PEFT's LoraConfig, mLoRA's YAML), as of November 2026.
 */
export const FOREIGN_KEYS: Readonly<Record<string, ForeignKey>> = {
  // Adapters.
  lora_r: RANK,
  r: RANK,
  lora_rank: RANK,
  lora_alpha: { to: ["adapter", "alpha"], value: numberOf },
  lora_dropout: { to: ["adapter", "dropout"], value: numberOf },
  target_modules: TARGETS,
  lora_target_modules: TARGETS,
  lora_target: TARGETS,
  lora_target_linear: { to: ["adapter", "targets"], value: (given) => (isOn(given) ? "all-linear" : undefined) },
  lora_model_dir: { to: ["adapter", "init"] },
  adapter_name_or_path: { to: ["adapter", "init"] },
  peft_type: ALWAYS_LORA,
  task_type: ALWAYS_LORA,
  finetuning_type: ALWAYS_LORA,
  use_peft: ALWAYS_LORA,
  bias: noKey("Adapters have no biases: leave it out."),
  use_rslora: { to: ["adapter", "rslora"], value: isOn },
  use_dora: { to: ["adapter", "dora"], value: isOn },
  peft_use_dora: { to: ["adapter", "dora"], value: isOn },
  peft_use_rslora: { to: ["adapter", "rslora"], value: isOn },
  rank_pattern: { to: ["adapter", "rankPattern"] },
  alpha_pattern: { to: ["adapter", "alphaPattern"] },
  trainable_token_indices: { to: ["adapter", "trainableTokens"] },
  modules_to_save: noKey("Only adapters are trained."),

  // The base model.
  base_model: MODEL,
  model_name_or_path: MODEL,
  model_name: MODEL,
  model_id: MODEL,
  base_model_name_or_path: MODEL,
  pretrained_model_name_or_path: MODEL,
  load_in_4bit: { to: ["model", "dtype"], value: (given) => (isOn(given) ? "nf4" : undefined) },
  load_in_8bit: { to: ["model", "dtype"], value: (given) => (isOn(given) ? "int8" : undefined) },
  quantization_bit: {
    to: ["model", "dtype"],
    value: (given) => ({ 4: "nf4", 8: "int8" })[numberOf(given) ?? 0],
  },
  bnb_4bit_quant_type: { to: ["model", "dtype"], value: (given) => (given === "nf4" ? given : undefined) },
  bf16: { to: ["model", "dtype"], value: (given) => (isOn(given) ? "bfloat16" : undefined) },
  fp16: noKey("There is no float16: `model: { dtype: bfloat16 }` takes as many bytes."),
  torch_dtype: { to: ["model", "dtype"], value: (given) => writtenDtypeSchema.safeParse(given).data },
  gradient_checkpointing: { to: ["recompute"], value: (given) => (isOn(given) ? "layer" : "none") },
  tf32: OWN_KERNELS,
  flash_attention: OWN_KERNELS,
  flash_attn: OWN_KERNELS,
  attn_implementation: OWN_KERNELS,
  trust_remote_code: noKey("No code of a model is run: leave it out."),

  // Data.
  dataset: DATA,
  datasets: DATA,
  dataset_name: DATA,
  dataset_path: DATA,
  data_path: DATA,
  data_files: DATA,
  train_file: DATA,
  train_data: DATA,
  dataset_text_field: { to: ["data", "field"] },
  text_column: { to: ["data", "field"] },
  dataset_split: { to: ["data", "split"] },
  max_samples: { to: ["data", "limit"], value: wholeOf },
  train_on_inputs: { to: ["data", "trainOnInputs"], value: isOn },
  train_on_prompt: { to: ["data", "trainOnInputs"], value: isOn },
  completion_only_loss: {
    to: ["data", "trainOnInputs"],
    value: (given) => (given === false ? true : undefined),
    note: "Without it the prompt is not scored.",
  },
  template: CHAT_TEMPLATE,
  chat_template: CHAT_TEMPLATE,
  packing: NO_PADDING,
  sample_packing: NO_PADDING,
  pad_to_sequence_len: NO_PADDING,
  group_by_length: NO_PADDING,
  max_seq_length: CUTOFF,
  max_length: CUTOFF,
  model_max_length: CUTOFF,
  sequence_len: CUTOFF,
  cutoff_len: CUTOFF,
  block_size: CUTOFF,

  // Steps.
  max_steps: STEPS,
  num_steps: STEPS,
  train_steps: STEPS,
  num_epochs: EPOCHS,
  num_train_epochs: EPOCHS,
  gradient_accumulation_steps: {
    to: ["batchSize"],
    value: (_, siblings) => rowsOfStep(siblings),
    note: "batchSize is the rows of a step: rows of a micro-batch times gradient_accumulation_steps.",
  },
  per_device_train_batch_size: MICRO_BATCH,
  per_gpu_train_batch_size: MICRO_BATCH,
  micro_batch_size: MICRO_BATCH,
  mini_batch_size: MICRO_BATCH,
  train_batch_size: { to: ["batchSize"], value: wholeOf },

  // The optimizer.
  learning_rate: LEARNING_RATE,
  lr: LEARNING_RATE,
  weight_decay: { to: ["optimizer", "weightDecay"], value: numberOf },
  adam_beta1: { to: ["optimizer", "betas"], value: betasOf },
  adam_beta2: { to: ["optimizer", "betas"], value: betasOf },
  adam_epsilon: { to: ["optimizer", "eps"], value: numberOf },
  max_grad_norm: { to: ["optimizer", "maxGradNorm"], value: numberOf },
  gradient_clipping: { to: ["optimizer", "maxGradNorm"], value: numberOf },
  loraplus_lr_ratio: LORA_PLUS,
  lr_ratio: LORA_PLUS,
  lr_scheduler: SCHEDULE,
  lr_scheduler_type: SCHEDULE,
  lr_scheduler_kwargs: noKey(
    "They are keys of `optimizer.schedule`, such as minRatio, minLearningRate, cycles, power and decaySteps.",
  ),
  warmup_steps: { to: ["optimizer", "schedule", "warmupSteps"], value: numberOf },
  warmup_ratio: {
    to: ["optimizer", "schedule", "warmupSteps"],
    value: warmupOf,
    note: "It is a number of steps: the ratio times all steps.",
  },
  optim: { to: ["optimizer", "name"], value: (given) => (/^adamw/.test(String(given)) ? "adamw" : undefined) },

  // Evaluation and early stopping.
  val_set_size: SHARE,
  val_size: SHARE,
  eval_steps: EVERY_STEPS,
  evals_per_epoch: noKey("`evaluation.everySteps` counts steps."),
  eval_strategy: noKey("`evaluation: { share: 0.1, everySteps: 50 }` evaluates: leave it out."),
  evaluation_strategy: noKey("`evaluation: { share: 0.1, everySteps: 50 }` evaluates: leave it out."),
  per_device_eval_batch_size: noKey("Evaluations are cut into micro-batches by the planner: leave it out."),
  eval_dataset: { to: ["evaluation", "data", "path"], value: dataOf },
  test_datasets: { to: ["evaluation", "data", "path"], value: dataOf },
  load_best_model_at_end: { to: ["evaluation", "keepBest"], value: isOn },
  early_stopping_patience: { to: ["earlyStopping", "patience"], value: wholeOf },

  // What is said of a run, not of a workload.
  output_dir: OUTPUT,
  output: OUTPUT,
  overwrite_output_dir: noKey("It is an option: `loratwin train FILE -o FOLDER --overwrite`."),
  resume_from_checkpoint: noKey("A run goes on with `loratwin resume FOLDER`."),
  save_steps: CHECKPOINTS,
  save_strategy: CHECKPOINTS,
  save_total_limit: CHECKPOINTS,
  saves_per_epoch: CHECKPOINTS,
  logging_steps: JOURNAL,
  logging_dir: JOURNAL,
  report_to: JOURNAL,
  wandb_project: JOURNAL,
  wandb_entity: JOURNAL,
  deepspeed: OF_DEVICES,
  fsdp: OF_DEVICES,
  fsdp_config: OF_DEVICES,
  device_map: OF_DEVICES,
  dataloader_num_workers: noKey("Rows are made before the run: leave it out."),
  preprocessing_num_workers: noKey("Rows are made before the run: leave it out."),
  do_train: noKey("The command says so: `loratwin train FILE -o FOLDER`."),
  stage: noKey("Jobs are supervised fine-tuning: leave it out."),
  adapters: OF_JOBS,
  tasks: OF_JOBS,
  concurrency_num: noKey("It is an option: --jobs-at-once."),
};
