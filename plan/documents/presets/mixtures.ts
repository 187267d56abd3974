import type { Presets } from "./preset.ts";

const QWEN_3 = {
  model_type: "qwen3_moe",
  vocab_size: 151936,
  max_position_embeddings: 40960,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  head_dim: 128,
  num_experts: 128,
  num_experts_per_tok: 8,
  norm_topk_prob: true,
};

const MIXTRAL = { model_type: "mixtral", vocab_size: 32000, rms_norm_eps: 1e-5, rope_theta: 1000000 };
const EXPERTS_OF_8 = { num_local_experts: 8, num_experts_per_tok: 2 };

/** The hub has the weights of experts in mxfp4; this is the same model in a type of ours. */
const GPT_OSS = {
  model_type: "gpt_oss",
  vocab_size: 201088,
  max_position_embeddings: 131072,
  rms_norm_eps: 1e-5,
  rope_theta: 150000,
  rope_scaling: {
    ...{ rope_type: "yarn", factor: 32, beta_fast: 32, beta_slow: 1, truncate: false },
    original_max_position_embeddings: 4096,
  },
  hidden_size: 2880,
  intermediate_size: 2880,
  num_attention_heads: 64,
  num_key_value_heads: 8,
  head_dim: 64,
  attention_bias: true,
  sliding_window: 128,
  num_experts_per_tok: 4,
  swiglu_limit: 7,
};

/** Mixtures of experts. */
export const MIXTURE_PRESETS = {
  "qwen-3-30b-a3b": {
    ...QWEN_3,
    hidden_size: 2048,
    intermediate_size: 6144,
    moe_intermediate_size: 768,
    num_hidden_layers: 48,
    num_attention_heads: 32,
    num_key_value_heads: 4,
  },
  "qwen-3-235b-a22b": {
    ...QWEN_3,
    hidden_size: 4096,
    intermediate_size: 12288,
    moe_intermediate_size: 1536,
    num_hidden_layers: 94,
    num_attention_heads: 64,
    num_key_value_heads: 4,
  },
  "mixtral-8x7b": {
    ...MIXTRAL,
    ...EXPERTS_OF_8,
    max_position_embeddings: 32768,
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
  },
  "mixtral-8x22b": {
    ...MIXTRAL,
    ...EXPERTS_OF_8,
    max_position_embeddings: 65536,
    hidden_size: 6144,
    intermediate_size: 16384,
    num_hidden_layers: 56,
    num_attention_heads: 48,
    num_key_value_heads: 8,
  },
  "gpt-oss-20b": { ...GPT_OSS, num_hidden_layers: 24, num_local_experts: 32 },
  "gpt-oss-120b": { ...GPT_OSS, num_hidden_layers: 36, num_local_experts: 128 },
} as const satisfies Presets;
