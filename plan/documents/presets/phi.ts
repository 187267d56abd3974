import { PHI_3_5_MINI_FACTORS, PHI_3_MINI_FACTORS, PHI_4_MINI_FACTORS } from "./longrope-factors.ts";
import type { Presets } from "./preset.ts";

const PHI_3 = { model_type: "phi3", vocab_size: 32064, rms_norm_eps: 1e-5, rope_theta: 10000 };
const PHI_3_4K = { ...PHI_3, max_position_embeddings: 4096, sliding_window: 2047 };

/** Of positions that are scaled from 4096 on. */
const LONG = { max_position_embeddings: 131072, original_max_position_embeddings: 4096, sliding_window: 262144 };

const SHAPE_MINI = {
  hidden_size: 3072,
  intermediate_size: 8192,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
};
const SHAPE_14B = {
  hidden_size: 5120,
  intermediate_size: 17920,
  num_hidden_layers: 40,
  num_attention_heads: 40,
  num_key_value_heads: 10,
};

export const PHI_PRESETS = {
  "phi-3-mini-4k": { ...PHI_3_4K, ...SHAPE_MINI },
  "phi-3-mini-128k": { ...PHI_3, ...LONG, ...SHAPE_MINI, rope_scaling: { type: "longrope", ...PHI_3_MINI_FACTORS } },
  "phi-3-medium-4k": { ...PHI_3_4K, ...SHAPE_14B },
  "phi-3.5-mini": { ...PHI_3, ...LONG, ...SHAPE_MINI, rope_scaling: { type: "longrope", ...PHI_3_5_MINI_FACTORS } },
  "phi-4-mini": {
    ...PHI_3,
    ...LONG,
    ...SHAPE_MINI,
    vocab_size: 200064,
    num_attention_heads: 24,
    num_key_value_heads: 8,
    partial_rotary_factor: 0.75,
    rope_scaling: { type: "longrope", ...PHI_4_MINI_FACTORS },
    tie_word_embeddings: true,
  },
  "phi-4": {
    ...PHI_3,
    ...SHAPE_14B,
    vocab_size: 100352,
    max_position_embeddings: 16384,
    rope_theta: 250000,
    sliding_window: null,
  },
} as const satisfies Presets;
