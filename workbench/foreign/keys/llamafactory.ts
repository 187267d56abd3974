import { type KeyTable, keys } from "../key-rules.ts";
import {
  GENERATED,
  KERNELS,
  LOADED,
  LOGGED,
  MEMORY,
  NO_PADDING,
  SHARED,
  TOKENIZED,
  UPLOADED,
  WITHOUT_SWITCH,
} from "./reasons.ts";
import { TRAINER_KEYS } from "./transformers.ts";

const PREFERENCE = "a form of preferences that loratwin has not";
const OTHER_METHOD = "another method than LoRA";

/** Keys of LLaMA-Factory's YAML beside those of the Trainer. Source: llamafactory 0.9.5, hparams. */
export const LLAMAFACTORY_KEYS: KeyTable = {
  ...TRAINER_KEYS,
  model_name_or_path: { as: "model" },
  finetuning_type: { as: "fullOrAdapter" },
  adapter_name_or_path: { as: "init" },
  lora_rank: { as: "rank" },
  lora_alpha: { as: "alpha" },
  lora_dropout: { as: "dropout" },
  lora_target: { as: "targets" },
  use_rslora: { as: "rootScaled" },
  loraplus_lr_ratio: { as: "loraPlusRatio" },
  cutoff_len: { as: "cutoff" },
  max_samples: { as: "limit" },
  val_size: { as: "share" },
  dataset: { as: "data" },
  dataset_dir: { as: "dataReading" },
  eval_dataset: { as: "evaluationData" },
  mask_history: { as: "lastTurn" },
  pure_bf16: { as: "bfloat16" },
  quantization_bit: { as: "bits" },
  disable_gradient_checkpointing: { as: "noRecompute" },
  early_stopping_steps: { as: "patience" },
  ...keys("template default_system enable_thinking", { as: "dataReading" }),

  stage: { as: "loss" },
  pref_loss: { as: "lossType" },
  pref_beta: { as: "beta" },
  dpo_label_smoothing: { as: "smoothing" },
  simpo_gamma: { as: "gamma" },
  kto_chosen_weight: { as: "desirableWeight" },
  kto_rejected_weight: { as: "undesirableWeight" },
  packing: { as: "packingAcross" },
  neat_packing: { as: "packing" },
  use_dora: { as: "magnitudes" },
  ...keys("pissa_init", { lacks: "a start of the adapter from the weights (PiSSA)" }),
  ...keys("additional_target freeze_* module_dropout oft_*", { lacks: OTHER_METHOD }),
  ...keys("use_galore galore_* use_apollo apollo_* use_badam badam_* use_adam_mini use_muon use_llama_pro", {
    lacks: "another optimizer than AdamW",
  }),
  ...keys("pref_* ref_model* ld_alpha", { lacks: PREFERENCE }),
  ...keys("ppo_* reward_model*", { idle: WITHOUT_SWITCH }),
  ...keys("use_dft_loss use_asft_loss asft_alpha use_eaft_loss eaft_alpha moe_aux_loss_coef", {
    lacks: "another loss than cross entropy",
  }),
  train_on_prompt: { as: "inputs" },
  ...keys("mix_strategy", { lacks: "how data sets are mixed", usual: ["concat"] }),
  ...keys("interleave_probs streaming buffer_size", { lacks: "how data sets are mixed" }),
  disable_shuffling: { as: "order" },
  tokenized_path: { lacks: "data that are tokenized already" },
  tool_format: { idle: "rows with tools are refused" },
  preserve_thinking: { lacks: "thoughts of earlier turns" },
  ...keys("resize_vocab add_tokens add_special_tokens new_special_tokens_config init_special_tokens", {
    lacks: "new tokens, whose embeddings would have to be trained",
  }),
  ...keys("rope_scaling shift_attn mixture_of_depths train_from_scratch", { lacks: "a changed model" }),
  quantization_method: { lacks: "weights quantized in another way", usual: ["bnb", "bitsandbytes"] },
  quantization_type: { lacks: "other values of 4 bits than NormalFloat", usual: ["nf4"] },
  model_revision: { lacks: "a revision of the model: write hf:owner/name@revision", usual: ["main"] },
  fp8: { lacks: "products in 8 bits" },
  ...keys(
    "image_* video_* audio_* use_audio_in_video crop_to_patches freeze_vision_tower freeze_multi_modal_projector",
    {
      idle: "rows with pictures or sound are refused",
    },
  ),
  ...keys("media_dir freeze_language_model", { idle: "rows with pictures or sound are refused" }),
  create_new_adapter: { lacks: "a new adapter on a model into which others were merged" },
  compute_accuracy: { idle: "evaluation takes the loss" },
  ...keys("double_quantization quantization_device_map", { idle: "scales of nf4 are in 8 bits anyway" }),
  ...keys("use_fast_tokenizer split_special_tokens trust_remote_code", { idle: TOKENIZED }),
  ...keys("flash_attn use_unsloth use_unsloth_gc enable_liger_kernel use_v1_kernels upcast_* use_kt kt_* use_mca", {
    idle: KERNELS,
  }),
  ...keys("use_hyper_parallel hyper_parallel_args master_addr master_port block_diag_attn", { idle: SHARED }),
  ...keys("use_reentrant_gc low_cpu_mem_usage offload_folder device_map", { idle: MEMORY }),
  ...keys("preprocessing_* overwrite_cache cache_dir data_shared_file_system ignore_pad_token_for_loss", {
    idle: LOADED,
  }),
  eval_on_each_dataset: { idle: "each job has its own evaluation" },
  ...keys("use_swanlab swanlab_* enable_torch_profiler profiler_* profile_modules print_param_status", {
    idle: LOGGED,
  }),
  ...keys("export_* hf_hub_token ms_hub_token om_hub_token adapter_folder", { idle: UPLOADED }),
  ...keys("infer_* vllm_* sglang_* use_kv_cache do_sample temperature top_p top_k num_beams max_length", {
    idle: GENERATED,
  }),
  ...keys("max_new_tokens repetition_penalty length_penalty skip_special_tokens predict_with_generate eval_num_beams", {
    idle: GENERATED,
  }),
  ...keys("loraplus_lr_embedding pissa_iter pissa_convert fp8_*", { idle: WITHOUT_SWITCH }),
  pad_to_multiple_of: { idle: NO_PADDING },
};

/** Keys of an entry of dataset_info.json. */
export const LLAMAFACTORY_DATASET_KEYS: KeyTable = {
  ...keys("file_name hf_hub_url formatting columns tags split num_samples ranking", { as: "data" }),
  subset: { lacks: "a configuration of the data set: write its folder behind hf:datasets/owner/name" },
  folder: { lacks: "a folder of the data set: write it behind hf:datasets/owner/name" },
  ...keys("script_url cloud_file_name ms_hub_url om_hub_url", {
    lacks: "data from elsewhere than a file or the Hugging Face hub",
  }),
  file_sha1: { idle: LOADED },
};
