import { type KeyTable, keys } from "../key-rules.ts";
import { KERNELS, LOADED, MEMORY, NO_PADDING, TOKENIZED, WITHOUT_SWITCH } from "./reasons.ts";
import { TRAINER_KEYS } from "./transformers.ts";

/** Keys of `trl sft --config`, and of a Trainer's arguments. Source: trl 1.16, sft_config, model_config, scripts/utils. */
export const TRL_KEYS: KeyTable = {
  ...TRAINER_KEYS,
  model_name_or_path: { as: "model" },
  use_peft: { as: "fullOrAdapter" },
  dtype: { as: "dtype" },
  torch_dtype: { as: "dtype" },
  load_in_8bit: { as: "int8" },
  load_in_4bit: { as: "nf4" },
  lora_r: { as: "rank" },
  lora_alpha: { as: "alpha" },
  lora_dropout: { as: "dropout" },
  lora_target_modules: { as: "targets" },
  use_rslora: { as: "rootScaled" },
  ...keys("max_length max_seq_length", { as: "cutoff" }),
  ...keys("dataset_name datasets", { as: "data" }),
  ...keys("dataset_train_split dataset_test_split dataset_text_field assistant_only_loss", { as: "dataReading" }),

  packing: { as: "packing" },
  packing_strategy: { lacks: "rows are cut into pieces", usual: ["bfd"] },
  loss_weights: { as: "lossWeights" },
  beta: { as: "beta" },
  label_smoothing: { as: "smoothing" },
  simpo_gamma: { as: "gamma" },
  cpo_alpha: { as: "nllWeight" },
  desirable_weight: { as: "desirableWeight" },
  undesirable_weight: { as: "undesirableWeight" },
  reference_free: { as: "referenceFree" },
  disable_dropout: { as: "keepsDropout" },
  truncation_mode: { as: "truncation" },
  f_divergence_type: { lacks: "another divergence from the reference", usual: ["reverse_kl"] },
  ...keys("ld_alpha use_weighting sync_ref_model alpha max_prompt_length max_completion_length rpo_alpha", {
    lacks: "a form of preferences that loratwin has not",
  }),
  ...keys("precompute_ref_* ref_model_mixup_alpha ref_model_sync_steps discopop_tau f_alpha_divergence_coef", {
    idle: WITHOUT_SWITCH,
  }),
  use_dora: { as: "magnitudes" },
  completion_only_loss: { lacks: "prompts are trained, too", asks: [false] },
  loss_type: { as: "lossType" },
  ...keys("lora_modules_to_save lora_target_parameters", { lacks: "weights beside the projections are trained" }),
  lora_task_type: { lacks: "another task than to go on with a text", usual: ["CAUSAL_LM"] },
  chat_template_path: { lacks: "a chat template of its own: write data.chatTemplate" },
  eos_token: { as: "specialTokens" },
  bnb_4bit_quant_type: { lacks: "other values of 4 bits than NormalFloat", usual: ["nf4"] },
  ...keys("dataset_config", {
    lacks: "a configuration of the data set: write its folder behind hf:datasets/owner/name",
  }),
  ...keys("dataset_streaming streaming test_split_size", { lacks: "how the data are divided" }),
  model_revision: { lacks: "a revision of the model: write hf:owner/name@revision", usual: ["main"] },
  model_init_kwargs: { lacks: "other settings of the model" },
  router_aux_loss_coef: { idle: "routers have no loss of their own, as without output_router_logits" },
  ...keys("dataset_num_proc dataset_kwargs shuffle_dataset dataset_batch_size", { idle: LOADED }),
  ...keys("padding_free pad_to_multiple_of pad_token eval_packing padding_value generate_during_eval", {
    idle: NO_PADDING,
  }),
  ...keys("attn_implementation use_bnb_nested_quant bnb_4bit_quant_storage ignore_bias_buffers env", { idle: KERNELS }),
  ...keys("activation_offloading", { idle: MEMORY }),
  ...keys("trust_remote_code", { idle: TOKENIZED }),
};
