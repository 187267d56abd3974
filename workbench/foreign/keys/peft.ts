import { type KeyTable, keys } from "../key-rules.ts";
import { MEMORY } from "./reasons.ts";

const PARTLY = "weights beside the adapter are trained, or not all layers are adapted";

/** Keys of an adapter_config.json. Source: LoraConfig, peft 0.21. */
export const PEFT_KEYS: KeyTable = {
  base_model_name_or_path: { as: "model" },
  peft_type: { as: "fullOrAdapter" },
  r: { as: "rank" },
  lora_alpha: { as: "alpha" },
  lora_dropout: { as: "dropout" },
  target_modules: { as: "targets" },
  use_rslora: { as: "rootScaled" },
  use_dora: { as: "magnitudes" },
  bias: { lacks: "biases are trained", usual: ["none"] },
  init_lora_weights: { lacks: "another start of the adapter than PEFT's default", usual: [true] },
  ...keys("modules_to_save layers_to_transform layers_pattern layer_replication exclude_modules", { lacks: PARTLY }),
  trainable_token_indices: { as: "trainedTokens" },
  ...keys("target_parameters lora_bias", { lacks: PARTLY }),
  rank_pattern: { as: "rankPattern" },
  alpha_pattern: { as: "alphaPattern" },
  ...keys("fan_in_fan_out megatron_config use_qalora use_bdlora alora_invocation_tokens arrow_config", {
    lacks: "this form of adapter",
  }),
  ...keys("loftq_config corda_config eva_config lora_ga_config kasa_config velora_config monteclora_config", {
    lacks: "a start of the adapter from the weights",
  }),
  task_type: { lacks: "another task than to go on with a text", usual: ["CAUSAL_LM"] },
  revision: { lacks: "a revision of the model: write hf:owner/name@revision", usual: ["main"] },
  ...keys("auto_mapping inference_mode peft_version megatron_core ensure_weight_tying", {
    idle: "loratwin writes it into the adapters that it trains",
  }),
  ...keys("qalora_group_size runtime_config ephemeral_gpu_offload", { idle: MEMORY }),
};
