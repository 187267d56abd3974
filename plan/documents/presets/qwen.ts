import type { Presets } from "./preset.ts";

const QWEN_2_5 = { model_type: "qwen2", max_position_embeddings: 131072, rope_theta: 1000000 };

/** The vocabulary is padded less in small models, which use the embedding as head too. */
const SMALL_2_5 = { ...QWEN_2_5, vocab_size: 151936, rms_norm_eps: 1e-6, tie_word_embeddings: true };
const LARGE_2_5 = { ...QWEN_2_5, vocab_size: 152064 };

const QWEN_3 = {
  model_type: "qwen3",
  vocab_size: 151936,
  max_position_embeddings: 40960,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  head_dim: 128,
};
const SMALL_3 = { ...QWEN_3, tie_word_embeddings: true };

const SHAPE_3_4B = {
  hidden_size: 2560,
  intermediate_size: 9728,
  num_hidden_layers: 36,
  num_attention_heads: 32,
  num_key_value_heads: 8,
};

export const QWEN_PRESETS = {
  "qwen-2.5-0.5b": {
    ...SMALL_2_5,
    max_position_embeddings: 32768,
    hidden_size: 896,
    intermediate_size: 4864,
    num_hidden_layers: 24,
    num_attention_heads: 14,
    num_key_value_heads: 2,
  },
  "qwen-2.5-1.5b": {
    ...SMALL_2_5,
    hidden_size: 1536,
    intermediate_size: 8960,
    num_hidden_layers: 28,
    num_attention_heads: 12,
    num_key_value_heads: 2,
  },
  "qwen-2.5-3b": {
    ...SMALL_2_5,
    max_position_embeddings: 32768,
    hidden_size: 2048,
    intermediate_size: 11008,
    num_hidden_layers: 36,
    num_attention_heads: 16,
    num_key_value_heads: 2,
  },
  "qwen-2.5-7b": {
    ...LARGE_2_5,
    rms_norm_eps: 1e-6,
    hidden_size: 3584,
    intermediate_size: 18944,
    num_hidden_layers: 28,
    num_attention_heads: 28,
    num_key_value_heads: 4,
  },
  "qwen-2.5-14b": {
    ...LARGE_2_5,
    rms_norm_eps: 1e-5,
    hidden_size: 5120,
    intermediate_size: 13824,
    num_hidden_layers: 48,
    num_attention_heads: 40,
    num_key_value_heads: 8,
  },
  "qwen-2.5-32b": {
    ...LARGE_2_5,
    rms_norm_eps: 1e-5,
    hidden_size: 5120,
    intermediate_size: 27648,
    num_hidden_layers: 64,
    num_attention_heads: 40,
    num_key_value_heads: 8,
  },
  "qwen-2.5-72b": {
    ...LARGE_2_5,
    rms_norm_eps: 1e-5,
    hidden_size: 8192,
    intermediate_size: 29568,
    num_hidden_layers: 80,
    num_attention_heads: 64,
    num_key_value_heads: 8,
  },
  "qwen-3-0.6b": {
    ...SMALL_3,
    hidden_size: 1024,
    intermediate_size: 3072,
    num_hidden_layers: 28,
    num_attention_heads: 16,
    num_key_value_heads: 8,
  },
  "qwen-3-1.7b": {
    ...SMALL_3,
    hidden_size: 2048,
    intermediate_size: 6144,
    num_hidden_layers: 28,
    num_attention_heads: 16,
    num_key_value_heads: 8,
  },
  "qwen-3-4b": { ...SMALL_3, ...SHAPE_3_4B },
  "qwen-3-4b-2507": {
    ...SMALL_3,
    ...SHAPE_3_4B,
    max_position_embeddings: 262144,
    rope_theta: 5000000,
  },
  "qwen-3-8b": {
    ...QWEN_3,
    hidden_size: 4096,
    intermediate_size: 12288,
    num_hidden_layers: 36,
    num_attention_heads: 32,
    num_key_value_heads: 8,
  },
  "qwen-3-14b": {
    ...QWEN_3,
    hidden_size: 5120,
    intermediate_size: 17408,
    num_hidden_layers: 40,
    num_attention_heads: 40,
    num_key_value_heads: 8,
  },
  "qwen-3-32b": {
    ...QWEN_3,
    hidden_size: 5120,
    intermediate_size: 25600,
    num_hidden_layers: 64,
    num_attention_heads: 64,
    num_key_value_heads: 8,
  },
} as const satisfies Presets;
