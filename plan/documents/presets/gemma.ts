import type { Presets } from "./preset.ts";

const GEMMA = { hidden_activation: "gelu_pytorch_tanh", rms_norm_eps: 1e-6, attention_bias: false };

const GEMMA_2 = {
  ...GEMMA,
  model_type: "gemma2",
  vocab_size: 256000,
  max_position_embeddings: 8192,
  rope_theta: 10000,
  sliding_window: 4096,
  attn_logit_softcapping: 50,
  final_logit_softcapping: 30,
};

const GEMMA_3 = {
  ...GEMMA,
  model_type: "gemma3_text",
  rope_theta: 1000000,
  rope_local_base_freq: 10000,
  sliding_window_pattern: 6,
};
const SMALL_3 = { ...GEMMA_3, vocab_size: 262144, max_position_embeddings: 32768, sliding_window: 512 };

/** `text_config` of a model that sees images too. */
const TEXT_3 = {
  ...GEMMA_3,
  vocab_size: 262208,
  max_position_embeddings: 131072,
  sliding_window: 1024,
  rope_scaling: { rope_type: "linear", factor: 8 },
};

export const GEMMA_PRESETS = {
  "gemma-2-2b": {
    ...GEMMA_2,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    query_pre_attn_scalar: 256,
  },
  "gemma-2-9b": {
    ...GEMMA_2,
    hidden_size: 3584,
    intermediate_size: 14336,
    num_hidden_layers: 42,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    head_dim: 256,
    query_pre_attn_scalar: 256,
  },
  "gemma-2-27b": {
    ...GEMMA_2,
    hidden_size: 4608,
    intermediate_size: 36864,
    num_hidden_layers: 46,
    num_attention_heads: 32,
    num_key_value_heads: 16,
    head_dim: 128,
    query_pre_attn_scalar: 144,
  },
  "gemma-3-270m": {
    ...SMALL_3,
    hidden_size: 640,
    intermediate_size: 2048,
    num_hidden_layers: 18,
    num_attention_heads: 4,
    num_key_value_heads: 1,
    head_dim: 256,
    query_pre_attn_scalar: 256,
  },
  "gemma-3-1b": {
    ...SMALL_3,
    hidden_size: 1152,
    intermediate_size: 6912,
    num_hidden_layers: 26,
    num_attention_heads: 4,
    num_key_value_heads: 1,
    head_dim: 256,
    query_pre_attn_scalar: 256,
  },
  "gemma-3-4b": {
    ...TEXT_3,
    hidden_size: 2560,
    intermediate_size: 10240,
    num_hidden_layers: 34,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    query_pre_attn_scalar: 256,
  },
  "gemma-3-12b": {
    ...TEXT_3,
    hidden_size: 3840,
    intermediate_size: 15360,
    num_hidden_layers: 48,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    head_dim: 256,
    query_pre_attn_scalar: 256,
  },
  "gemma-3-27b": {
    ...TEXT_3,
    hidden_size: 5376,
    intermediate_size: 21504,
    num_hidden_layers: 62,
    num_attention_heads: 32,
    num_key_value_heads: 16,
    head_dim: 128,
    query_pre_attn_scalar: 168,
  },
} as const satisfies Presets;
