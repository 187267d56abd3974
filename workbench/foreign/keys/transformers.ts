import { type KeyTable, keys } from "../key-rules.ts";
import {
  KERNELS,
  LOADED,
  LOGGED,
  MEMORY,
  NO_PADDING,
  REPEATABLE,
  REPEATED,
  SAVED,
  SHARED,
  UPLOADED,
} from "./reasons.ts";

/** The arguments of transformers' Trainer, which TRL and LLaMA-Factory share. Source: TrainingArguments, transformers 5.24. */
export const TRAINER_KEYS: KeyTable = {
  per_device_train_batch_size: { as: "microBatch" },
  gradient_accumulation_steps: { as: "accumulation" },
  num_train_epochs: { as: "epochs" },
  max_steps: { as: "steps" },
  learning_rate: { as: "rate" },
  weight_decay: { as: "weightDecay" },
  adam_beta1: { as: "beta1" },
  adam_beta2: { as: "beta2" },
  adam_epsilon: { as: "eps" },
  max_grad_norm: { as: "maxGradNorm" },
  lr_scheduler_type: { as: "scheduler" },
  lr_scheduler_kwargs: { as: "schedulerOptions" },
  warmup_steps: { as: "warmupSteps" },
  warmup_ratio: { as: "warmupRatio" },
  optim: { as: "optimizer" },
  seed: { as: "seed" },
  eval_steps: { as: "evalSteps" },
  eval_strategy: { as: "evalStrategy" },
  evaluation_strategy: { as: "evalStrategy" },
  load_best_model_at_end: { as: "keepBest" },
  bf16: { as: "bfloat16" },
  fp16: { as: "float16" },
  gradient_checkpointing: { as: "recompute" },
  output_dir: { as: "name" },
  neftune_noise_alpha: { lacks: "noise on the embeddings (NEFTune)" },
  label_smoothing_factor: { lacks: "label smoothing" },
  optim_args: { lacks: "arguments of the optimizer" },
  optim_target_modules: { lacks: "an optimizer for some of the modules" },
  train_sampling_strategy: { lacks: "rows in their order: write shuffle: false", asks: ["sequential"] },
  metric_for_best_model: { lacks: "the best adapter by another figure than the loss", usual: ["loss", "eval_loss"] },
  ...keys("logging_* log_* report_to run_name disable_tqdm plot_loss include_* project trackio_* tensorboard_*", {
    idle: LOGGED,
  }),
  ...keys("save_* overwrite_output_dir restore_callback_states_from_checkpoint enable_jit_checkpoint", { idle: SAVED }),
  ...keys("resume_from_checkpoint ignore_data_skip", { idle: REPEATABLE }),
  ...keys("hub_* push_to_hub*", { idle: UPLOADED }),
  ...keys("ddp_* fsdp* deepspeed local_rank parallelism_config accelerator_config ray_* tpu_* mp_parameters _n_gpu", {
    idle: SHARED,
  }),
  ...keys("dataloader_* remove_unused_columns label_names length_column_name", { idle: LOADED }),
  ...keys("group_by_length", { idle: NO_PADDING }),
  ...keys("tf32 torch_compile* use_liger_kernel liger_kernel_config use_cpu no_cuda use_ipex use_mps_device", {
    idle: KERNELS,
  }),
  ...keys("half_precision_backend fp16_* bf16_full_eval jit_mode_eval past_index", { idle: KERNELS }),
  ...keys(
    "gradient_checkpointing_kwargs activation_checkpointing* use_cache auto_find_batch_size torch_empty_cache_steps skip_memory_metrics",
    {
      idle: MEMORY,
    },
  ),
  ...keys("full_determinism data_seed", { idle: REPEATED }),
  ...keys("do_train do_eval do_predict debug use_legacy_prediction_loop prediction_loss_only", {
    idle: "`loratwin train` trains, and evaluates as `evaluation` says",
  }),
  ...keys("per_device_eval_batch_size eval_accumulation_steps eval_delay eval_on_start eval_do_concat_batches", {
    idle: "`evaluation` says when; how is the planner's choice",
  }),
  ...keys("eval_use_gather_object batch_eval_metrics greater_is_better", {
    idle: "the adapter with the lowest loss is the best",
  }),
  average_tokens_across_devices: { idle: "a step's loss is always the mean over its scored tokens" },
};
