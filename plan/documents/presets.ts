import type { z } from "zod";
import type { huggingFaceConfigSchema } from "./model-config.ts";

type Preset = z.input<typeof huggingFaceConfigSchema>;

const LLAMA_2 = { model_type: "llama", vocab_size: 32000, max_position_embeddings: 4096, rms_norm_eps: 1e-5 };

/**
 * Architectures by name, for simulation without a checkpoint. Source of each: the config.json of the model of that name
 * on the Hugging Face hub.
 */
export const PRESETS: Readonly<Record<string, Preset>> = {
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
  "llama-3-8b": {
    model_type: "llama",
    vocab_size: 128256,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
  },
  "llama-3-70b": {
    model_type: "llama",
    vocab_size: 128256,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    hidden_size: 8192,
    intermediate_size: 28672,
    num_hidden_layers: 80,
    num_attention_heads: 64,
    num_key_value_heads: 8,
  },
  "qwen-2.5-32b": {
    model_type: "qwen2",
    vocab_size: 152064,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-5,
    rope_theta: 1000000,
    hidden_size: 5120,
    intermediate_size: 27648,
    num_hidden_layers: 64,
    num_attention_heads: 40,
    num_key_value_heads: 8,
  },
};
