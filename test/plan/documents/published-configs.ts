import type { Architecture } from "../../../plan/index.ts";

interface Published {
  /** As a checkpoint has it, the keys that nobody reads included; a long list is made. */
  readonly config: object;
  readonly expected: Partial<Architecture>;
}

const ropeEvery = (layers: number): readonly number[] =>
  Array.from({ length: layers }, (_, layer) => Number((layer + 1) % 4 !== 0));
const fullLayers = (layers: number): readonly string[] => Array.from({ length: layers }, () => "full_attention");

/** Configurations in the layouts of published checkpoints, by checkpoint. */
export const PUBLISHED: Readonly<Record<string, Published>> = {
  "Qwen3-0.6B": {
    config: {
      ...{ architectures: ["Qwen3ForCausalLM"], attention_bias: false, attention_dropout: 0.0, bos_token_id: 151643 },
      ...{ eos_token_id: 151645, head_dim: 128, hidden_act: "silu", hidden_size: 1024, initializer_range: 0.02 },
      ...{ intermediate_size: 3072, max_position_embeddings: 40960, max_window_layers: 28, model_type: "qwen3" },
      ...{ num_attention_heads: 16, num_hidden_layers: 28, num_key_value_heads: 8, rms_norm_eps: 1e-6 },
      ...{ rope_scaling: null, rope_theta: 1000000, sliding_window: null, tie_word_embeddings: true },
      ...{ torch_dtype: "bfloat16", transformers_version: "4.51.0", use_cache: true, use_sliding_window: false },
      vocab_size: 151936,
    },
    expected: { headDim: 128, tiedEmbeddings: true, qkvBias: false, headNorm: { over: "head", weighted: true } },
  },
  "gemma-2-2b": {
    config: {
      ...{ architectures: ["Gemma2ForCausalLM"], attention_bias: false, attention_dropout: 0.0, bos_token_id: 2 },
      ...{ attn_logit_softcapping: 50.0, cache_implementation: "hybrid", eos_token_id: 1, head_dim: 256 },
      ...{ final_logit_softcapping: 30.0, hidden_act: "gelu_pytorch_tanh", hidden_activation: "gelu_pytorch_tanh" },
      ...{ hidden_size: 2304, initializer_range: 0.02, intermediate_size: 9216, max_position_embeddings: 8192 },
      ...{ model_type: "gemma2", num_attention_heads: 8, num_hidden_layers: 26, num_key_value_heads: 4 },
      ...{ pad_token_id: 0, query_pre_attn_scalar: 256, rms_norm_eps: 1e-6, rope_theta: 10000.0, vocab_size: 256000 },
      ...{ sliding_window: 4096, torch_dtype: "float32", transformers_version: "4.42.4", use_cache: true },
    },
    expected: { tiedEmbeddings: true, scoreCap: 50, logitCap: 30, slidingWindow: 4096, attentionScale: 1 / 16 },
  },
  "gemma-3-1b-it": {
    config: {
      ...{ architectures: ["Gemma3ForCausalLM"], attention_bias: false, attention_dropout: 0.0, bos_token_id: 2 },
      ...{ attn_logit_softcapping: null, cache_implementation: "hybrid", eos_token_id: [1, 106], head_dim: 256 },
      ...{ final_logit_softcapping: null, hidden_activation: "gelu_pytorch_tanh", hidden_size: 1152, pad_token_id: 0 },
      ...{ initializer_range: 0.02, intermediate_size: 6912, max_position_embeddings: 32768, vocab_size: 262144 },
      ...{ model_type: "gemma3_text", num_attention_heads: 4, num_hidden_layers: 26, num_key_value_heads: 1 },
      ...{ query_pre_attn_scalar: 256, rms_norm_eps: 1e-6, rope_local_base_freq: 10000, rope_scaling: null },
      ...{ rope_theta: 1000000, sliding_window: 512, sliding_window_pattern: 6, torch_dtype: "bfloat16" },
      ...{ transformers_version: "4.50.0.dev0", use_cache: true },
    },
    expected: { tiedEmbeddings: true, slidingWindow: 512, windowTheta: 1e4, ropeTheta: 1e6 },
  },
  "gemma-3-270m": {
    config: {
      ...{ _sliding_window_pattern: 6, architectures: ["Gemma3ForCausalLM"], attention_bias: false, head_dim: 256 },
      ...{ attention_dropout: 0.0, attn_logit_softcapping: null, final_logit_softcapping: null, hidden_size: 640 },
      ...{ hidden_activation: "gelu_pytorch_tanh", initializer_range: 0.02, intermediate_size: 2048, pad_token_id: 0 },
      layer_types: Array.from({ length: 18 }, (_, layer) => (layer % 6 === 5 ? "full_attention" : "sliding_attention")),
      ...{ max_position_embeddings: 32768, model_type: "gemma3_text", num_attention_heads: 4, num_hidden_layers: 18 },
      ...{ num_key_value_heads: 1, query_pre_attn_scalar: 256, rms_norm_eps: 1e-6, rope_local_base_freq: 10000.0 },
      ...{ rope_scaling: null, rope_theta: 1000000.0, sliding_window: 512, torch_dtype: "bfloat16", use_cache: true },
      ...{ transformers_version: "4.55.0.dev0", use_bidirectional_attention: false, vocab_size: 262144 },
    },
    expected: { slidingWindow: 512, numLayers: 18 },
  },
  "Phi-4-mini-instruct": {
    config: {
      ...{ architectures: ["Phi3ForCausalLM"], attention_bias: false, attention_dropout: 0.0, bos_token_id: 199999 },
      auto_map: {
        AutoConfig: "configuration_phi3.Phi3Config",
        AutoModelForCausalLM: "modeling_phi3.Phi3ForCausalLM",
        AutoTokenizer: "Xenova/gpt-4o",
      },
      ...{ embd_pdrop: 0.0, eos_token_id: 199999, full_attn_mod: 1, hidden_act: "silu", hidden_size: 3072 },
      ...{ initializer_range: 0.02, intermediate_size: 8192, interpolate_factor: 1, lm_head_bias: false },
      ...{ max_position_embeddings: 131072, mlp_bias: false, model_type: "phi3", num_attention_heads: 24 },
      ...{ num_hidden_layers: 32, num_key_value_heads: 8, original_max_position_embeddings: 4096 },
      ...{ pad_token_id: 199999, partial_rotary_factor: 0.75, resid_pdrop: 0.0, rms_norm_eps: 1e-5 },
      rope_scaling: {
        long_factor: Array.from({ length: 48 }, (_, i) => 1.118 ** i),
        short_factor: Array.from({ length: 48 }, () => 1.0),
        type: "longrope",
      },
      ...{ rope_theta: 10000.0, sliding_window: 262144, tie_word_embeddings: true, torch_dtype: "bfloat16" },
      ...{ transformers_version: "4.45.0", use_cache: true, vocab_size: 200064 },
    },
    expected: { fusedQkv: true, fusedGateUp: true, rotaryDim: 96, headDim: 128, tiedEmbeddings: true },
  },
  "Phi-3-mini-4k-instruct": {
    config: {
      ...{ _name_or_path: "Phi-3-mini-4k-instruct", architectures: ["Phi3ForCausalLM"], attention_dropout: 0.0 },
      auto_map: {
        AutoConfig: "configuration_phi3.Phi3Config",
        AutoModelForCausalLM: "modeling_phi3.Phi3ForCausalLM",
      },
      ...{ attention_bias: false, bos_token_id: 1, embd_pdrop: 0.0, eos_token_id: 32000, hidden_act: "silu" },
      ...{ hidden_size: 3072, initializer_range: 0.02, intermediate_size: 8192, max_position_embeddings: 4096 },
      ...{ model_type: "phi3", num_attention_heads: 32, num_hidden_layers: 32, num_key_value_heads: 32 },
      ...{ original_max_position_embeddings: 4096, pad_token_id: 32000, resid_pdrop: 0.0, rms_norm_eps: 1e-5 },
      ...{ rope_scaling: null, rope_theta: 10000.0, sliding_window: 2047, tie_word_embeddings: false },
      ...{ torch_dtype: "bfloat16", transformers_version: "4.40.2", use_cache: true, vocab_size: 32064 },
    },
    expected: { slidingWindow: 2047, headDim: 96, fusedQkv: true },
  },
  "OLMo-2-0425-1B": {
    config: {
      ...{ architectures: ["Olmo2ForCausalLM"], attention_bias: false, attention_dropout: 0.0, eos_token_id: 100257 },
      ...{ hidden_act: "silu", hidden_size: 2048, initializer_range: 0.02, intermediate_size: 8192 },
      ...{ max_position_embeddings: 4096, model_type: "olmo2", num_attention_heads: 16, num_hidden_layers: 16 },
      ...{ num_key_value_heads: 16, pad_token_id: 100277, rms_norm_eps: 1e-6, rope_scaling: null, rope_theta: 500000 },
      ...{ tie_word_embeddings: false, torch_dtype: "float32", transformers_version: "4.47.0", use_cache: false },
      vocab_size: 100352,
    },
    expected: { norms: "after", headNorm: { over: "row", weighted: true }, ropeTheta: 500000 },
  },
  "granite-3.3-2b-instruct": {
    config: {
      ...{ architectures: ["GraniteForCausalLM"], attention_bias: false, attention_dropout: 0.0, bos_token_id: 0 },
      ...{ attention_multiplier: 0.015625, embedding_multiplier: 12.0, eos_token_id: 0, hidden_act: "silu" },
      ...{ hidden_size: 2048, initializer_range: 0.02, intermediate_size: 8192, logits_scaling: 8.0 },
      ...{ max_position_embeddings: 131072, mlp_bias: false, model_type: "granite", num_attention_heads: 32 },
      ...{ num_hidden_layers: 40, num_key_value_heads: 8, pad_token_id: 0, residual_multiplier: 0.22 },
      ...{ rms_norm_eps: 1e-5, rope_scaling: null, rope_theta: 10000000.0, tie_word_embeddings: true },
      ...{ torch_dtype: "bfloat16", transformers_version: "4.49.0", use_cache: true, vocab_size: 49159 },
    },
    expected: { attentionScale: 1 / 64, embeddingScale: 12, logitScale: 1 / 8, residualScale: 0.22 },
  },
  "SmolLM3-3B": {
    config: {
      ...{ architectures: ["SmolLM3ForCausalLM"], attention_bias: false, attention_dropout: 0.0, bos_token_id: 128000 },
      ...{ eos_token_id: 128012, hidden_act: "silu", hidden_size: 2048, initializer_range: 0.02 },
      ...{ intermediate_size: 11008, layer_types: fullLayers(36), max_position_embeddings: 65536 },
      ...{ max_window_layers: 28, mlp_bias: false, model_type: "smollm3", no_rope_layer_interval: 4 },
      ...{ no_rope_layers: ropeEvery(36), num_attention_heads: 16, num_hidden_layers: 36, num_key_value_heads: 4 },
      ...{ pad_token_id: 128004, pretraining_tp: 2, rms_norm_eps: 1e-6, rope_scaling: null, rope_theta: 5000000.0 },
      ...{ sliding_window: null, torch_dtype: "bfloat16", transformers_version: "4.54.0.dev0", use_cache: false },
      ...{ use_sliding_window: false, vocab_size: 128256 },
    },
    expected: { tiedEmbeddings: true, ropeless: ropeEvery(36).map((has) => has === 0) },
  },
  "GLM-4-9B-0414": {
    config: {
      ...{ architectures: ["Glm4ForCausalLM"], attention_bias: false, attention_dropout: 0.0, head_dim: 128 },
      ...{ eos_token_id: [151329, 151336, 151338], hidden_act: "silu", hidden_size: 4096, initializer_range: 0.02 },
      ...{ intermediate_size: 13696, max_position_embeddings: 32768, model_type: "glm4", num_attention_heads: 32 },
      ...{ num_hidden_layers: 40, num_key_value_heads: 2, pad_token_id: 151329, partial_rotary_factor: 0.5 },
      ...{ rms_norm_eps: 1e-5, rope_theta: 10000.0, tie_word_embeddings: false, torch_dtype: "bfloat16" },
      ...{ transformers_version: "4.52.0.dev0", use_cache: true, vocab_size: 151552 },
    },
    expected: { rotaryDim: 64, rotaryPairs: true, qkvBias: false, fusedGateUp: true },
  },
  "Qwen2.5-0.5B-Instruct": {
    config: {
      ...{ architectures: ["Qwen2ForCausalLM"], attention_dropout: 0.0, bos_token_id: 151643, eos_token_id: 151645 },
      ...{ hidden_act: "silu", hidden_size: 896, initializer_range: 0.02, intermediate_size: 4864 },
      ...{ max_position_embeddings: 32768, max_window_layers: 21, model_type: "qwen2", num_attention_heads: 14 },
      ...{ num_hidden_layers: 24, num_key_value_heads: 2, rms_norm_eps: 1e-6, rope_theta: 1000000.0 },
      ...{ sliding_window: 32768, tie_word_embeddings: true, torch_dtype: "bfloat16", use_sliding_window: false },
      ...{ transformers_version: "4.43.1", use_cache: true, vocab_size: 151936 },
    },
    expected: { qkvBias: true, headDim: 64, tiedEmbeddings: true },
  },
  "Llama-3.2-1B": {
    config: {
      ...{ architectures: ["LlamaForCausalLM"], attention_bias: false, attention_dropout: 0.0, bos_token_id: 128000 },
      ...{ eos_token_id: 128001, head_dim: 64, hidden_act: "silu", hidden_size: 2048, initializer_range: 0.02 },
      ...{ intermediate_size: 8192, max_position_embeddings: 131072, mlp_bias: false, model_type: "llama" },
      ...{ num_attention_heads: 32, num_hidden_layers: 16, num_key_value_heads: 8, pretraining_tp: 1 },
      rms_norm_eps: 1e-5,
      rope_scaling: {
        ...{ factor: 32.0, high_freq_factor: 4.0, low_freq_factor: 1.0, rope_type: "llama3" },
        original_max_position_embeddings: 8192,
      },
      ...{ rope_theta: 500000.0, tie_word_embeddings: true, torch_dtype: "bfloat16", use_cache: true },
      ...{ transformers_version: "4.45.0.dev0", vocab_size: 128256 },
    },
    expected: { tiedEmbeddings: true, ropeTheta: 500000 },
  },
};
