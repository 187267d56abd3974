import type { Presets } from "./preset.ts";

const LLAMA_2 = { model_type: "llama", vocab_size: 32000, max_position_embeddings: 4096, rms_norm_eps: 1e-5 };

const LLAMA_3 = {
  model_type: "llama",
  vocab_size: 128256,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  rope_theta: 500000,
};

const LLAMA_3_SCALING = {
  rope_type: "llama3",
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
} as const;

const LLAMA_3_1 = { ...LLAMA_3, max_position_embeddings: 131072, rope_scaling: LLAMA_3_SCALING };

const LLAMA_3_2 = {
  ...LLAMA_3_1,
  rope_scaling: { ...LLAMA_3_SCALING, factor: 32 },
  tie_word_embeddings: true,
};

const SHAPE_8B = {
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
};

const SHAPE_70B = {
  hidden_size: 8192,
  intermediate_size: 28672,
  num_hidden_layers: 80,
  num_attention_heads: 64,
  num_key_value_heads: 8,
};

export const LLAMA_PRESETS = {
  "tinyllama-1.1b": {
    ...LLAMA_2,
    max_position_embeddings: 2048,
    hidden_size: 2048,
    intermediate_size: 5632,
    num_hidden_layers: 22,
    num_attention_heads: 32,
    num_key_value_heads: 4,
  },
  "llama-2-7b": {
    ...LLAMA_2,
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
  },
  "llama-2-13b": {
    ...LLAMA_2,
    hidden_size: 5120,
    intermediate_size: 13824,
    num_hidden_layers: 40,
    num_attention_heads: 40,
  },
  "llama-2-70b": {
    ...LLAMA_2,
    hidden_size: 8192,
    intermediate_size: 28672,
    num_hidden_layers: 80,
    num_attention_heads: 64,
    num_key_value_heads: 8,
  },
  "llama-3-8b": { ...LLAMA_3, ...SHAPE_8B },
  "llama-3-70b": { ...LLAMA_3, ...SHAPE_70B },
  "llama-3.1-8b": { ...LLAMA_3_1, ...SHAPE_8B },
  "llama-3.1-70b": { ...LLAMA_3_1, ...SHAPE_70B },
  "llama-3.1-405b": {
    ...LLAMA_3_1,
    hidden_size: 16384,
    intermediate_size: 53248,
    num_hidden_layers: 126,
    num_attention_heads: 128,
    num_key_value_heads: 8,
  },
  "llama-3.2-1b": {
    ...LLAMA_3_2,
    head_dim: 64,
    hidden_size: 2048,
    intermediate_size: 8192,
    num_hidden_layers: 16,
    num_attention_heads: 32,
    num_key_value_heads: 8,
  },
  "llama-3.2-3b": {
    ...LLAMA_3_2,
    head_dim: 128,
    hidden_size: 3072,
    intermediate_size: 8192,
    num_hidden_layers: 28,
    num_attention_heads: 24,
    num_key_value_heads: 8,
  },
  "llama-3.3-70b": { ...LLAMA_3_1, ...SHAPE_70B },
} as const satisfies Presets;
