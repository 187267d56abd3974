/** Keys and values of examples that the tools ship. Models, data and the number of steps are tiny ones. */
export interface PublicConfiguration {
  /** Where it stands in the tool's source distribution, or which of its scripts has it in its description. */
  readonly from: string;
  readonly text: string;
  /** Options beside the file. */
  readonly options?: readonly string[];
  /** What of it is refused without `--partial`. */
  readonly lacks?: RegExp;
}

const AXOLOTL_TALKS = "datasets: [{ path: messages.jsonl, type: chat_template }]";
const AXOLOTL_SHAREGPT =
  "datasets: [{ path: talks.jsonl, type: chat_template, field_messages: conversations, message_property_mappings: { role: from, content: value } }]";
const AXOLOTL_END = `wandb_project:
gradient_accumulation_steps: 4
max_steps: 2
optimizer: adamw_bnb_8bit
lr_scheduler: cosine
learning_rate: 0.0002
bf16: auto
tf32: false
gradient_checkpointing: true
resume_from_checkpoint:
logging_steps: 1
attn_implementation: flash_attention_2
warmup_ratio: 0.1
saves_per_epoch: 1
weight_decay: 0.0
`;
const AXOLOTL_QLORA = `base_model: ./model
load_in_8bit: false
load_in_4bit: true
adapter: qlora
lora_model_dir:
lora_r: 32
lora_alpha: 16
lora_target_linear: true
sequence_len: 2048
${AXOLOTL_END}`;
const CUT_CROSS_ENTROPY = "plugins: [axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin]";
const QLORA_OF_TALKS = `${AXOLOTL_QLORA}${AXOLOTL_TALKS}
lora_dropout: 0.05
sample_packing: true
micro_batch_size: 2
num_epochs: 1
evals_per_epoch: 1
val_set_size: 0.1
dataset_prepared_path: last_run_prepared
output_dir: ./outputs/lora-out
`;
const DPO = `${AXOLOTL_QLORA.replace("load_in_8bit: false\nload_in_4bit: true\nadapter: qlora", "load_in_8bit: true\nload_in_4bit: false\nadapter: lora")}lora_dropout: 0.05
rl: dpo
datasets: [{ path: pairs.jsonl, type: chat_template.default, field_messages: conversation, field_chosen: chosen, field_rejected: rejected, message_property_mappings: { role: role, content: content }, roles: { system: [system], user: [user], assistant: [assistant] } }]
sample_packing: false
micro_batch_size: 2
num_epochs: 4
val_set_size: 0.05
evals_per_epoch: 4
output_dir: ./outputs/dpo-out
plugins: [axolotl.integrations.swanlab.SwanLabPlugin]
use_swanlab: true
swanlab_project: dpo-training
`;

/** Source: examples of axolotl 0.19. */
export const AXOLOTL_EXAMPLES: readonly PublicConfiguration[] = [
  { from: "ministral3/ministral3-3b-qlora", text: `${QLORA_OF_TALKS}${CUT_CROSS_ENTROPY}\n` },
  { from: "nemotron/nemotron-mini-4b-qlora", text: QLORA_OF_TALKS },
  { from: "hunyuan/hunyuan-v1-dense-qlora", text: `${QLORA_OF_TALKS}${CUT_CROSS_ENTROPY}\n` },
  { from: "arcee/afm-4.5b-qlora", text: `${QLORA_OF_TALKS}${CUT_CROSS_ENTROPY}\n` },
  {
    from: "mistral/mistral-qlora-fsdp",
    text: `${AXOLOTL_QLORA.replace("adamw_bnb_8bit", "paged_adamw_8bit")}datasets: [{ path: alpaca.jsonl, type: alpaca }]
lora_dropout: 0.05
sample_packing: false
micro_batch_size: 2
num_epochs: 4
val_set_size: 0.02
evals_per_epoch: 4
fsdp: [full_shard, auto_wrap]
`,
  },
  {
    from: "llama-3/qlora",
    text: `${AXOLOTL_QLORA}datasets: [{ path: alpaca.jsonl, type: alpaca }]
lora_dropout: 0.05
sample_packing: true
pad_to_sequence_len: true
micro_batch_size: 2
num_epochs: 4
val_set_size: 0
special_tokens: { pad_token: "<|end_of_text|>" }
`,
  },
  {
    from: "gemma3/gemma-3-270m-qlora",
    text: `${AXOLOTL_QLORA}${AXOLOTL_SHAREGPT}
chat_template: gemma3
eot_tokens: [<end_of_turn>]
lora_dropout: 0
sample_packing: true
micro_batch_size: 1
num_epochs: 4
val_set_size: 0.0
`,
    lacks: /eot_tokens: end tokens of a turn/,
  },
  {
    from: "phi/lora-3.5",
    text: `${AXOLOTL_QLORA.replace("load_in_8bit: false\nload_in_4bit: true\nadapter: qlora", "load_in_8bit: true\nload_in_4bit: false\nadapter: lora")}chat_template: phi_3
datasets: [{ path: messages.jsonl, type: chat_template, field_messages: messages, message_property_mappings: { role: role, content: content }, roles: { user: [user], assistant: [assistant] } }]
lora_dropout: 0.05
sample_packing: false
micro_batch_size: 4
num_epochs: 2
val_set_size: 0.05
evals_per_epoch: 4
`,
  },
  {
    from: "falcon-h1/falcon-h1-500m-qlora",
    text: `${AXOLOTL_QLORA.replace("lora_target_linear: true\n", "")}chat_template: falcon_h1
${AXOLOTL_SHAREGPT}
lora_target_modules: [q_proj, k_proj, v_proj, o_proj, in_proj, gate_proj, up_proj, down_proj]
lora_dropout: 0.05
sample_packing: false
eval_sample_packing: false
micro_batch_size: 1
num_epochs: 4
val_set_size: 0.0
`,
    lacks: /lora_target_modules: in_proj is no projection/,
  },
  { from: "swanlab/dpo-swanlab-completions", text: DPO },
];

const FACTORY_END = `trust_remote_code: true
do_train: true
finetuning_type: lora
lora_rank: 8
lora_target: all
cutoff_len: 2048
max_samples: 1000
preprocessing_num_workers: 16
dataloader_num_workers: 4
output_dir: saves/lora/sft
logging_steps: 10
save_steps: 500
plot_loss: true
overwrite_output_dir: true
save_only_model: false
report_to: none
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
max_steps: 2
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
ddp_timeout: 180000000
`;
const FACTORY_SFT = `model_name_or_path: ./model
stage: sft
learning_rate: 1.0e-4
dataset: identity,alpaca_en_demo
${FACTORY_END}`;
const preference = (stage: string): string => `model_name_or_path: ./model
stage: ${stage}
pref_beta: 0.1
learning_rate: 5.0e-6
dataset: ${stage}_en_demo
template: qwen3_nothink
${FACTORY_END}`;

/** Source: examples of llamafactory 0.9.5. */
export const FACTORY_EXAMPLES: readonly PublicConfiguration[] = [
  { from: "train_lora/qwen3_lora_sft", text: `${FACTORY_SFT}template: qwen3_nothink\n` },
  { from: "train_lora/qwen3_lora_dpo", text: `${preference("dpo")}pref_loss: sigmoid\n` },
  { from: "train_lora/qwen3_lora_kto", text: preference("kto") },
  {
    from: "train_lora/qwen3_lora_pretrain",
    text: FACTORY_SFT.replace("stage: sft", "stage: pt").replace("identity,alpaca_en_demo", "c4_demo"),
    lacks: /packing \(not given\): a sequence of cutoff_len has several rows/,
  },
  {
    from: "train_lora/qwen3_lora_sft_ds3",
    text: `${FACTORY_SFT}template: qwen3_nothink\ndeepspeed: examples/deepspeed/ds_z3_config.json\n`,
  },
  {
    from: "train_qlora/qwen3_lora_sft_otfq",
    text: `${FACTORY_SFT}template: qwen3_nothink\nquantization_bit: 4\nquantization_method: bnb\n`,
  },
  {
    from: "train_qlora/qwen3_lora_sft_bnb_npu",
    text: `${FACTORY_SFT}template: qwen3_nothink\nquantization_bit: 4\nquantization_method: bnb\ndouble_quantization: false\n`,
  },
  { from: "extras/loraplus/llama3_lora_sft", text: `${FACTORY_SFT}template: llama3\nloraplus_lr_ratio: 16.0\n` },
  {
    from: "extras/pissa/llama3_lora_sft",
    text: `${FACTORY_SFT}template: llama3\npissa_init: true\npissa_iter: 16\npissa_convert: true\n`,
    lacks: /pissa_init: a start of the adapter from the weights/,
  },
  { from: "ktransformers/train_lora/qwen3moe_lora_sft_kt", text: `${FACTORY_SFT}template: qwen3\nuse_kt: true\n` },
];

const TRL_LORA = `model_name_or_path: ./model
use_peft: true
num_train_epochs: 1
max_steps: 2
`;
const TRL_SFT = `${TRL_LORA}dataset_name: capybara
learning_rate: 2.0e-4
packing: true
per_device_train_batch_size: 2
gradient_accumulation_steps: 8
eval_strategy: steps
eval_steps: 100
lora_r: 32
lora_alpha: 16
output_dir: Qwen2-0.5B-SFT
push_to_hub: true
`;
const TRL_DPO = `${TRL_LORA}dataset_name: ultrafeedback
learning_rate: 5.0e-6
per_device_train_batch_size: 2
gradient_accumulation_steps: 8
eval_strategy: steps
eval_steps: 50
output_dir: Qwen2-0.5B-DPO
remove_unused_columns: false
lora_r: 32
lora_alpha: 16
`;
const TRL_KTO = `${TRL_LORA}dataset_name: kto-mix
per_device_train_batch_size: 8
learning_rate: 5e-7
lr_scheduler_type: cosine
gradient_accumulation_steps: 1
eval_steps: 500
output_dir: kto-aligned-model-lora
warmup_steps: 0.1
logging_first_step: true
load_in_4bit: true
lora_target_modules: all-linear
lora_r: 16
lora_alpha: 16
`;

/** Source: descriptions of trl/scripts and keys of the configurations in trl 1.16. */
export const TRL_EXAMPLES: readonly PublicConfiguration[] = [
  { from: "scripts/sft.py, LoRA", text: `${TRL_SFT}eos_token: </s>\n` },
  {
    from: "scripts/sft.py, LoRA, another end token",
    text: `${TRL_SFT}eos_token: <|im_end|>\n`,
    lacks: /eos_token: other/,
  },
  { from: "scripts/dpo.py, LoRA", text: TRL_DPO },
  { from: "scripts/dpo.py, LoRA, IPO", text: `${TRL_DPO}loss_type: [ipo]\nbeta: 0.1\n` },
  { from: "scripts/dpo.py, LoRA, robust", text: `${TRL_DPO}loss_type: [robust]\nlabel_smoothing: 0.1\n` },
  { from: "scripts/dpo.py, LoRA, with SFT", text: `${TRL_DPO}loss_type: [sigmoid, sft]\nloss_weights: [1.0, 0.2]\n` },
  {
    from: "scripts/dpo.py, LoRA, MPO",
    text: `${TRL_DPO}loss_type: [sigmoid, bco_pair, sft]\nloss_weights: [0.8, 0.2, 1.0]\n`,
    lacks: /loss_type: the loss 0\.8 x sigmoid \+ 0\.2 x bco_pair \+ sft/,
  },
  { from: "scripts/kto.py, QLoRA", text: TRL_KTO },
  { from: "ORPOConfig", text: TRL_DPO, options: ["--trainer", "orpo"] },
  {
    from: "CPOConfig, SimPO",
    text: `${TRL_DPO}loss_type: simpo\nsimpo_gamma: 0.5\ncpo_alpha: 0.0\nbeta: 2.0\n`,
    options: ["--trainer", "cpo"],
  },
];
