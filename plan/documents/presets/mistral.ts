import type { Presets } from "./preset.ts";

const MISTRAL = { model_type: "mistral", max_position_embeddings: 32768, rms_norm_eps: 1e-5 };

const SHAPE_7B = {
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
};

export const MISTRAL_PRESETS = {
  "mistral-7b-v0.1": {
    ...MISTRAL,
    ...SHAPE_7B,
    vocab_size: 32000,
    rope_theta: 10000,
    sliding_window: 4096,
  },
  "mistral-7b-v0.2": {
    ...MISTRAL,
    ...SHAPE_7B,
    vocab_size: 32000,
    rope_theta: 1000000,
    sliding_window: null,
  },
  "mistral-7b-v0.3": {
    ...MISTRAL,
    ...SHAPE_7B,
    vocab_size: 32768,
    rope_theta: 1000000,
    sliding_window: null,
  },
  "mistral-nemo-12b": {
    ...MISTRAL,
    vocab_size: 131072,
    max_position_embeddings: 128000,
    rope_theta: 1000000,
    sliding_window: null,
    head_dim: 128,
    hidden_size: 5120,
    intermediate_size: 14336,
    num_hidden_layers: 40,
    num_attention_heads: 32,
    num_key_value_heads: 8,
  },
  "ministral-8b": {
    ...MISTRAL,
    vocab_size: 131072,
    rope_theta: 100000000,
    sliding_window: 32768,
    head_dim: 128,
    hidden_size: 4096,
    intermediate_size: 12288,
    num_hidden_layers: 36,
    num_attention_heads: 32,
    num_key_value_heads: 8,
  },
  "mistral-small-24b": {
    ...MISTRAL,
    vocab_size: 131072,
    rope_theta: 100000000,
    sliding_window: null,
    head_dim: 128,
    hidden_size: 5120,
    intermediate_size: 32768,
    num_hidden_layers: 40,
    num_attention_heads: 32,
    num_key_value_heads: 8,
  },
} as const satisfies Presets;
