import { type KeyTable, keys } from "../key-rules.ts";
import { KERNELS, LOADED, MEMORY, NO_PADDING, TOKENIZED } from "./reasons.ts";
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

  packing: { lacks: "a sequence of max_length has several rows; here a step has batchSize rows: raise it" },
  use_dora: { as: "magnitudes" },
  completion_only_loss: { lacks: "prompts are trained, too", asks: [false] },
  loss_type: { lacks: "another loss than cross entropy", usual: ["nll", "chunked_nll"] },
  ...keys("lora_modules_to_save lora_target_parameters", { lacks: "weights beside the projections are trained" }),
  lora_task_type: { lacks: "another task than to go on with a text", usual: ["CAUSAL_LM"] },
  truncation_mode: { lacks: "which end of a long row is cut", usual: ["keep_start"] },
  ...keys("chat_template_path eos_token", { lacks: "a chat template or end token of its own" }),
  bnb_4bit_quant_type: { lacks: "other values of 4 bits than NormalFloat", usual: ["nf4"] },
  ...keys("dataset_config", {
    lacks: "a configuration of the data set: write its folder behind hf:datasets/owner/name",
  }),
  ...keys("dataset_streaming streaming test_split_size", { lacks: "how the data are divided" }),
  model_revision: { lacks: "a revision of the model: write hf:owner/name@revision", usual: ["main"] },
  model_init_kwargs: { lacks: "other settings of the model" },
  router_aux_loss_coef: { idle: "routers have no loss of their own, as without output_router_logits" },
  ...keys("dataset_num_proc dataset_kwargs shuffle_dataset dataset_batch_size", { idle: LOADED }),
  ...keys("padding_free pad_to_multiple_of pad_token packing_strategy eval_packing", { idle: NO_PADDING }),
  ...keys("attn_implementation use_bnb_nested_quant bnb_4bit_quant_storage ignore_bias_buffers env", { idle: KERNELS }),
  ...keys("activation_offloading", { idle: MEMORY }),
  ...keys("trust_remote_code", { idle: TOKENIZED }),
};
