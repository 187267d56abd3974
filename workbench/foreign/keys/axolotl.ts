import { type KeyTable, keys } from "../key-rules.ts";
import {
  GENERATED,
  KERNELS,
  LOADED,
  LOGGED,
  MEMORY,
  NO_PADDING,
  REPEATABLE,
  REPEATED,
  SAVED,
  SHARED,
  TOKENIZED,
  UPLOADED,
  WITHOUT_SWITCH,
} from "./reasons.ts";

const PREFERENCE = "rewards, or a form of preferences that loratwin has not";
const NEW_TOKENS = "new tokens, whose embeddings would have to be trained";
const PARTLY = "parts of the model beside the adapter are trained, or not all layers are adapted";
const LOSS = "another loss than cross entropy";

/** Keys of Axolotl's YAML. Source: axolotl 0.21, utils/schemas. */
export const AXOLOTL_KEYS: KeyTable = {
  base_model: { as: "model" },
  adapter: { as: "fullOrAdapter" },
  load_in_8bit: { as: "int8" },
  load_in_4bit: { as: "nf4" },
  ...keys("bf16 bfloat16", { as: "bfloat16" }),
  ...keys("fp16 float16", { as: "float16" }),
  lora_r: { as: "rank" },
  lora_alpha: { as: "alpha" },
  lora_dropout: { as: "dropout" },
  lora_target_modules: { as: "targets" },
  lora_target_linear: { as: "allTargets" },
  lora_model_dir: { as: "init" },
  peft_use_rslora: { as: "rootScaled" },
  micro_batch_size: { as: "microBatch" },
  gradient_accumulation_steps: { as: "accumulation" },
  batch_size: { as: "batch" },
  num_epochs: { as: "epochs" },
  max_steps: { as: "steps" },
  sequence_len: { as: "cutoff" },
  learning_rate: { as: "rate" },
  optimizer: { as: "optimizer" },
  adam_beta1: { as: "beta1" },
  adam_beta2: { as: "beta2" },
  adam_epsilon: { as: "eps" },
  weight_decay: { as: "weightDecay" },
  max_grad_norm: { as: "maxGradNorm" },
  loraplus_lr_ratio: { as: "loraPlusRatio" },
  lr_scheduler: { as: "scheduler" },
  lr_scheduler_kwargs: { as: "schedulerOptions" },
  cosine_min_lr_ratio: { as: "minRatio" },
  warmup_steps: { as: "warmupSteps" },
  warmup_ratio: { as: "warmupRatio" },
  val_set_size: { as: "share" },
  eval_steps: { as: "evalSteps" },
  evals_per_epoch: { as: "evalsPerEpoch" },
  ...keys("eval_strategy evaluation_strategy", { as: "evalStrategy" }),
  load_best_model_at_end: { as: "keepBest" },
  early_stopping_patience: { as: "patience" },
  gradient_checkpointing: { as: "recompute" },
  seed: { as: "seed" },
  output_dir: { as: "name" },
  datasets: { as: "data" },
  test_datasets: { as: "evaluationData" },

  sample_packing: { as: "packing" },
  pretraining_sample_concatenation: { lacks: "a sequence has several rows" },
  ...keys("batch_flattening balance_labels curriculum_sampling", { lacks: "how rows come into batches" }),
  rl: { as: "loss" },
  ...keys("rl_beta dpo_beta orpo_alpha", { as: "beta" }),
  dpo_loss_type: { as: "lossType" },
  dpo_loss_weights: { as: "lossWeights" },
  dpo_label_smoothing: { as: "smoothing" },
  simpo_gamma: { as: "gamma" },
  cpo_alpha: { as: "nllWeight" },
  kto_desirable_weight: { as: "desirableWeight" },
  kto_undesirable_weight: { as: "undesirableWeight" },
  ...keys("dpo_padding_free dpo_use_liger_kernel", { idle: KERNELS }),
  ...keys(
    "reward_model process_reward_model center_rewards_coefficient kto_* orpo_* simpo_* rpo_alpha dpo_* ebft trl",
    {
      lacks: PREFERENCE,
    },
  ),
  peft_use_dora: { as: "magnitudes" },
  ...keys("lr_groups embedding_lr embedding_lr_scale", {
    lacks: "rates of their own for some weights",
  }),
  ...keys("neftune_noise_alpha noisy_embedding_alpha", { lacks: "noise on the embeddings (NEFTune)" }),
  peft_init_lora_weights: { lacks: "another start of the adapter than PEFT's default", usual: [true] },
  peft_trainable_token_indices: { as: "trainedTokens" },
  ...keys("peft_layers_* peft_layer_replication unfrozen_parameters lora_modules_to_save", {
    lacks: PARTLY,
  }),
  ...keys("lora_target_parameters peft lora_fan_in_fan_out", { lacks: PARTLY }),
  ...keys("lora_rank_pattern lora_alpha_pattern", { lacks: "ranks or alphas of their own for some modules" }),
  ...keys("relora* lisa_* jagged_* mixlora_*", { lacks: "another method than LoRA" }),
  ...keys("tokens added_tokens_overrides", { lacks: NEW_TOKENS }),
  ...keys("use_dft use_eaft scaling_softmax* diffusion_lm do_causal_lm_eval", { lacks: LOSS }),
  ...keys("gptq qat fp8", { lacks: "weights quantized in another way" }),
  bnb_config_kwargs: { lacks: "other settings of the quantization" },
  train_on_inputs: { as: "inputs" },
  ...keys("chat_template_kwargs default_system_message", { lacks: "a chat template of its own" }),
  ...keys("pretraining_dataset streaming", { lacks: "pretraining on a stream of text" }),
  ...keys("use_pose rope_scaling overrides_of_model_* s2_attention", { lacks: "a changed model" }),
  ...keys("reinit_weights shrink_embeddings mean_resizing_embeddings resize_token_embeddings_to_32x", {
    lacks: "changed weights of the base model",
  }),
  excess_length_strategy: { lacks: "what becomes of rows that are too long", usual: ["drop"] },
  min_sample_len: { lacks: "short rows are left out" },
  ...keys("cosine_constant_lr_ratio lr_quadratic_warmup lr_div_factor", { lacks: "this form of the learning rate" }),
  ...keys("optim_args optim_target_modules adam_beta3 adam_epsilon2 dion_* qgalore_*", {
    lacks: "another optimizer than AdamW",
  }),
  plugins: {
    lacks: "code of a plugin",
    // Faster kernels of the same, and loggers.
    usual: [
      "axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin",
      "axolotl.integrations.liger.LigerPlugin",
      "axolotl.integrations.kernels.KernelsPlugin",
      "axolotl.integrations.swanlab.SwanLabPlugin",
    ],
  },
  trainer_cls: { lacks: "code of a plugin" },
  dataset_exact_deduplication: { lacks: "repeated rows are left out; `loratwin data` counts them" },
  shuffle_merged_datasets: { idle: "rows are shuffled by the job's seed" },
  ...keys("dataset_shard_num dataset_shard_idx", { lacks: "a part of the data" }),
  ...keys("processor_type processor_kwargs image_size image_resize_algorithm freeze_mm_modules", {
    lacks: "pictures and sound",
  }),
  ...keys("model_quantization_config* quantize_moe_experts llmcompressor use_onebitllms diffusion", {
    lacks: "weights, or a model, of another kind",
  }),
  ...keys("cut_cross_entropy* gemma4_hybrid_attn_impl", { idle: KERNELS }),
  experimental_skip_move_to_device: { idle: MEMORY },
  num_labels: { lacks: "classification" },

  special_tokens: { as: "specialTokens" },
  eot_tokens: { as: "turnEnds" },
  ...keys("chat_template chat_template_jinja", { as: "dataReading" }),
  ...keys("model_type tokenizer_* type_of_model base_model_config cls_model_config is_*_derived_model", {
    idle: TOKENIZED,
  }),
  ...keys("is_llama_derived_model is_mistral_derived_model is_qwen_derived_model is_falcon_derived_model", {
    idle: "config.json says the family",
  }),
  tokenizer_use_mistral_common: { lacks: "rows are written and tokenized by mistral-common" },
  revision_of_model: { lacks: "a revision of the model: write hf:owner/name@revision" },
  trust_remote_code: { idle: "no code of a model is run" },
  ...keys(
    "eval_sample_packing eval_batch_size eval_sequence_len eval_table_size eval_max_new_tokens eval_causal_lm_metrics",
    {
      idle: "`evaluation` says what is evaluated; how is the planner's choice",
    },
  ),
  ...keys("metric_for_best_model greater_is_better eval_on_start do_bench_eval bench_*", {
    idle: "the adapter with the lowest loss is the best",
  }),
  ...keys("sample_packing_* pad_to_sequence_len pad_to_multiple_of group_by_length multipack_real_batches", {
    idle: NO_PADDING,
  }),
  ...keys("pretrain_multipack_* fa_varlen_kwargs_in_collator", { idle: NO_PADDING }),
  ...keys(
    "attn_implementation flash_* xformers_attention sdp_attention sdpa_varlen flex_* sage_attention eager_attention",
    {
      idle: KERNELS,
    },
  ),
  ...keys(
    "lora_mlp_kernel lora_qkv_kernel lora_o_kernel lora_embedding_kernel liger_* torch_compile* tf32 use_kernels",
    {
      idle: KERNELS,
    },
  ),
  ...keys("chunked_cross_entropy* tiled_mlp* large_head_attention fused_attn_kernel experts_implementation unsloth_*", {
    idle: KERNELS,
  }),
  ...keys(
    "float32 fp32_norms fp32_norm_classes embeddings_skip_upcast peft_autocast_adapter_dtype lora_fp32_gradients",
    {
      idle: "adapters, gradients and norms are in fp32 anyway",
    },
  ),
  ...keys("gradient_checkpointing_kwargs selective_checkpointing activation_offloading layer_offloading", {
    idle: MEMORY,
  }),
  ...keys("gc_* gc_collect_steps torch_empty_cache_steps max_memory gpu_memory_limit low_cpu_mem_usage lora_on_cpu", {
    idle: MEMORY,
  }),
  ...keys("auto_find_batch_size qlora_sharded_model_loading ple_cpu_offload", { idle: MEMORY }),
  ...keys("deepspeed deepcompile fsdp* ddp* device device_map world_size local_rank accelerator_config ray_* use_ray", {
    idle: SHARED,
  }),
  ...keys("dp_* sequence_parallel_degree context_parallel_size tensor_parallel_size heads_k_stride ring_attn_func", {
    idle: SHARED,
  }),
  resources_per_worker: { idle: SHARED },
  ...keys(
    "wandb_* use_wandb mlflow_* use_mlflow hf_mlflow_* comet_* use_comet trackio_* use_trackio swanlab_* use_swanlab otel_* use_otel_metrics",
    {
      idle: LOGGED,
    },
  ),
  ...keys("use_tensorboard logging_* include_* profiler_* sync_profiler_* debug strict", { idle: LOGGED }),
  ...keys("loss_watchdog_threshold loss_watchdog_patience", {
    idle: "a loss that is not finite stops a job; `earlyStopping` stops those that diverge",
  }),
  ...keys("save_* saves_per_epoch dynamic_checkpoint", { idle: SAVED }),
  ...keys("resume_from_checkpoint auto_resume_from_checkpoints", { idle: REPEATABLE }),
  ...keys("hub_* push_dataset_to_hub hf_use_auth_token gradio_* merge_lora merge_method export quantization", {
    idle: UPLOADED,
  }),
  dataloader_drop_last: { as: "dropLast" },
  ...keys("dataset_* skip_prepare_dataset num_dataset_shards_to_save dataloader_* remove_unused_columns", {
    idle: LOADED,
  }),
  ...keys("is_preprocess preprocess_iterable total_num_tokens total_supervised_tokens axolotl_config_path", {
    idle: LOADED,
  }),
  full_determinism: { idle: REPEATED },
  ...keys("generate_samples num_generation_samples generation_* vllm", { idle: GENERATED }),
  loraplus_lr_embedding: { idle: "embeddings are not adapted" },
  shuffle_before_merging_datasets: { idle: "rows are shuffled by the job's seed" },
  ...keys("eaft_* fp8_* pose_* label_balance_window_optim_steps streaming_multipack_buffer_size max_prompt_len", {
    idle: WITHOUT_SWITCH,
  }),
  ...keys("precompute_ref_log_probs role_boundaries torchdistx_path llama4_linearized_experts", {
    idle: WITHOUT_SWITCH,
  }),
  ...keys("nf4_backend nvfp4_merge_aware peft_ensure_weight_tying", { idle: KERNELS }),
  max_packed_sequence_len: { lacks: "a sequence has several rows" },
  fix_untrained_tokens: { idle: "embeddings are not trained" },
};

/** Keys of an entry of `datasets`. `type`, `path` and what belongs to a conversation are read in foreign-data.ts. */
export const AXOLOTL_DATASET_KEYS: KeyTable = {
  ...keys("path type ds_type data_files split field field_messages message_property_mappings", { as: "data" }),
  ...keys("field_chosen field_rejected", { as: "data" }),
  ...keys("message_field_role message_field_content conversation roles chat_template chat_template_jinja", {
    as: "data",
  }),
  roles_to_train: {
    lacks: "other turns than the assistant's are trained",
    usual: ["assistant", "gpt"],
    even: [[]],
  },
  ...keys("train_on_eos train_on_eot", { lacks: "which end tokens are trained", usual: ["turn"] }),
  ...keys("message_field_training field_system field_tools", { as: "data" }),
  message_field_training_detail: { lacks: "which characters of a turn are trained" },
  ...keys("field_thinking template_thinking_key split_thinking", {
    lacks: "a key of its own for thoughts",
    usual: ["reasoning_content"],
  }),
  drop_system_message: { lacks: "system turns are left out" },
  ...keys("shards shards_idx weight", { lacks: "a part of the data" }),
  name: { lacks: "a configuration of the data set: write its folder behind hf:datasets/owner/name" },
  revision: { lacks: "a revision of the data: write hf:datasets/owner/name@revision" },
  ...keys("logprobs_field temperature input_transform input_format field_human field_model", {
    lacks: "this reading of rows",
  }),
  ...keys("trust_remote_code preprocess_shards", { idle: LOADED }),
};
