import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { InputError } from "../../../core/index.ts";
import { parseDocument } from "../../../plan/documents/read-document.ts";
import { type Architecture, architectureFromConfig, huggingFaceConfigSchema } from "../../../plan/index.ts";
import { SHARED } from "../../shared-folder.ts";

const SIZES = {
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 100,
  max_position_embeddings: 8192,
};

function read(text: string): Architecture {
  return architectureFromConfig(parseDocument(huggingFaceConfigSchema, text, "config.json"));
}

const configured = (keys: object): Architecture => read(JSON.stringify({ ...SIZES, model_type: "llama", ...keys }));

const LLAMA3 = {
  ...{ rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
  original_max_position_embeddings: 64,
};
const YARN = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32 };
const LINEAR = { rope_type: "linear", factor: 2 };
const DEFAULT = { rope_type: "default" };

describe("a configuration in both layouts", () => {
  test.each<readonly [string, object, Partial<Architecture>]>([
    ["neither table", { rope_theta: 5e4 }, { ropeTheta: 5e4 }],
    ["neither table nor a base", {}, { ropeTheta: 1e4 }],
    ["tables that are null", { rope_theta: 5e4, rope_scaling: null, rope_parameters: null }, { ropeTheta: 5e4 }],
    ["a base in rope_parameters", { rope_parameters: { ...DEFAULT, rope_theta: 5e4 } }, { ropeTheta: 5e4 }],
    ["a base beside rope_parameters", { rope_theta: 5e4, rope_parameters: DEFAULT }, { ropeTheta: 5e4 }],
    ["a base in rope_scaling", { rope_scaling: { ...LINEAR, rope_theta: 5e4 } }, { ropeTheta: 5e4 }],
    [
      "the older name of the type",
      { rope_scaling: { type: "linear", factor: 2 }, rope_theta: 5e4 },
      { ropeTheta: 5e4, ropeScaling: { type: "linear", factor: 2 } },
    ],
    [
      "tables that say the same",
      { rope_theta: 5e4, rope_scaling: LINEAR, rope_parameters: { ...LINEAR, rope_theta: 5e4 } },
      { ropeTheta: 5e4, ropeScaling: { type: "linear", factor: 2 } },
    ],
    [
      "llama3 in rope_parameters",
      { rope_parameters: { ...LLAMA3, rope_theta: 5e5 } },
      {
        ropeTheta: 5e5,
        ropeScaling: { type: "llama3", factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 64 },
      },
    ],
    ["no model_type", { model_type: undefined, architectures: ["Qwen2ForCausalLM"] }, { qkvBias: true }],
    ["a window of Qwen2 that is not switched on", { model_type: "qwen2", sliding_window: 8 }, {}],
  ])("is read as transformers reads it: %s", (_, keys, expected) => {
    const architecture = configured(keys);
    expect(architecture).toMatchObject(expected);
    expect(architecture.slidingWindow).toBeUndefined();
    if (!("ropeScaling" in expected) && !("rope_scaling" in keys)) expect(architecture.ropeScaling).toBeUndefined();
  });

  test("has Mistral's window where it does not say, and where it switches one off that has no switch", () => {
    expect(configured({ model_type: "mistral" }).slidingWindow).toBe(4096);
    expect(configured({ model_type: "mistral", sliding_window: null }).slidingWindow).toBeUndefined();
    const switched = { model_type: "mistral", sliding_window: 8, use_sliding_window: false };
    expect(configured(switched).slidingWindow).toBe(8);
  });

  test.each<readonly [string, object]>([
    ["rope_parameters", { rope_scaling: DEFAULT, rope_parameters: LINEAR }],
    ["rope_parameters", { rope_scaling: LINEAR, rope_parameters: { ...DEFAULT, rope_theta: 1e4 } }],
    ["rope_parameters", { rope_scaling: LINEAR, rope_parameters: { ...LINEAR, factor: 4 } }],
    ["rope_parameters", { rope_scaling: DEFAULT, rope_parameters: { ...DEFAULT, rope_theta: 5e4 } }],
    ["rope_parameters", { rope_scaling: DEFAULT, rope_parameters: { ...YARN, rope_theta: 1e4 } }],
    ["rope_parameters", { rope_scaling: YARN, rope_parameters: DEFAULT }],
    ["rope_parameters.rope_type", { rope_scaling: null, rope_parameters: { ...YARN, rope_type: "dynamic" } }],
    ["rope_scaling.rope_type", { rope_scaling: { type: "su", factor: 4 } }],
    ["rope_scaling.rope_type", { rope_scaling: { factor: 4 } }],
    ["rope_scaling.rope_type", { rope_scaling: { rope_type: 4 } }],
    ["rope_scaling.type", { rope_scaling: { ...DEFAULT, type: "linear" } }],
    ["rope_scaling.type", { rope_scaling: { ...LINEAR, type: "yarn" } }],
    ["rope_scaling.factor", { rope_scaling: { ...DEFAULT, factor: 4 } }],
    ["rope_scaling.mrope_section", { rope_scaling: { ...DEFAULT, mrope_section: [1, 2] } }],
    ["rope_scaling.attention_factor", { rope_scaling: { ...LINEAR, attention_factor: 2 } }],
    ["rope_parameters.rope_type", { rope_parameters: { full_attention: LINEAR } }],
    ["rope_parameters.rope_theta", { rope_theta: 5e4, rope_parameters: { ...DEFAULT, rope_theta: 1e4 } }],
    ["rope_scaling.rope_theta", { rope_theta: 5e4, rope_scaling: { ...LINEAR, rope_theta: 1e4 } }],
    ["rope_parameters.partial_rotary_factor", { rope_scaling: { ...LINEAR, partial_rotary_factor: 0.5 } }],
    ["original_max_position_embeddings", { original_max_position_embeddings: 16, rope_scaling: LLAMA3 }],
    ["rope_parameters", { rope_parameters: [] }],
    ["architectures", { model_type: undefined, architectures: ["DeepseekV3ForCausalLM"] }],
    ["architectures", { architectures: ["Qwen3ForCausalLM"] }],
    ["architectures", { architectures: ["LlamaForCausalLM", "Qwen3ForCausalLM"] }],
    ["architectures", { architectures: [] }],
    ["architectures", { model_type: "qwen2", architectures: ["LlamaForCausalLM"] }],
    ["model_type", { model_type: "deepseek_v3" }],
    ["num_experts", { num_experts: 4 }],
    ["num_experts", { model_type: "qwen3_moe", num_experts: 4, num_local_experts: 8 }],
    ["num_experts_per_tok", { model_type: "mixtral", num_experts_per_tok: 0 }],
    ["experts.perToken", { model_type: "mixtral", num_local_experts: 2, num_experts_per_tok: 3 }],
    ["decoder_sparse_step", { model_type: "qwen3_moe", decoder_sparse_step: 3 }],
    ["mlp_only_layers", { model_type: "qwen3_moe", mlp_only_layers: [0.5] }],
    ["router_jitter_noise", { model_type: "mixtral", router_jitter_noise: 0.01 }],
    ["output_router_logits", { model_type: "mixtral", output_router_logits: true }],
    ["rope_scaling", { model_type: "gpt_oss", rope_scaling: null }],
    ["quantization_config", { model_type: "gpt_oss", rope_scaling: YARN, quantization_config: { bits: 4 } }],
    ["auto_map", { auto_map: { AutoModelForCausalLM: "modeling_own.Own" } }],
    ["attention_dropout", { attention_dropout: 0.1 }],
    ["is_causal", { is_causal: false }],
  ])("is refused at %s for %j", (at, keys) => {
    expect(() => configured(keys)).toThrow(InputError);
    expect(() => configured(keys)).toThrow(` at ${at}, got `);
  });
});

describe("a figure that no model has", () => {
  const scaled = (change: object): object => ({ rope_scaling: { ...LLAMA3, ...change } });
  test.each<readonly [string, object]>([
    ...[1e308, 1, 0.02, 0, -1e-5].map((eps) => ["rms_norm_eps", { rms_norm_eps: eps }] as const),
    ...[1e308, 1, 0.5, 0, -1].map((theta) => ["rope_theta", { rope_theta: theta }] as const),
    ...[1e308, 0.5, 0, -1, "1e4"].map(
      (theta) => ["rope_parameters.rope_theta", { rope_parameters: { rope_theta: theta } }] as const,
    ),
    ...[1e308, 0.5, 0, -8, null].map(
      (factor) => ["rope_scaling.factor", { rope_scaling: { ...LINEAR, factor } }] as const,
    ),
    ["rope_scaling.high_freq_factor", scaled({ low_freq_factor: 4 })],
    ["rope_scaling.high_freq_factor", scaled({ low_freq_factor: 8 })],
    ["rope_scaling.high_freq_factor", scaled({ high_freq_factor: 1e308 })],
    ["rope_scaling.low_freq_factor", scaled({ low_freq_factor: 0 })],
    ["rope_scaling.low_freq_factor", scaled({ low_freq_factor: -1 })],
    ["rope_scaling.original_max_position_embeddings", scaled({ original_max_position_embeddings: 0.5 })],
    ["rope_scaling.original_max_position_embeddings", scaled({ original_max_position_embeddings: 1.5 })],
    ["rope_scaling.original_max_position_embeddings", scaled({ original_max_position_embeddings: 2 ** 40 })],
    ["num_attention_heads", { num_attention_heads: 0 }],
    ["num_key_value_heads", { num_key_value_heads: 3 }],
    ["num_key_value_heads", { num_key_value_heads: 8 }],
    ["numHeads", { num_attention_heads: 2 ** 20, num_key_value_heads: 1, head_dim: 2 }],
    ["sliding_window", { sliding_window: 0 }],
    ["sliding_window", { sliding_window: 1.5 }],
  ])("is refused at %s: %j", (at, keys) => {
    expect(() => configured(keys)).toThrow(InputError);
    expect(() => configured(keys)).toThrow(` at ${at}, got `);
  });
});

const FAMILIES = path.join(SHARED, "oracle", "families");
describe.skipIf(!existsSync(FAMILIES))("configurations that transformers has written", () => {
  const families = existsSync(FAMILIES)
    ? readdirSync(FAMILIES).filter((name) => existsSync(path.join(FAMILIES, name, "config.json")))
    : [];
  const configOf = (family: string, layout: string): Architecture =>
    read(readFileSync(path.join(FAMILIES, family, layout), "utf8"));

  test("are the same in both layouts", () => {
    expect(families.length).toBeGreaterThan(20);
    for (const family of families) expect(configOf(family, "config-4x.json")).toEqual(configOf(family, "config.json"));
    expect(configOf("llama-llama3", "config.json").ropeScaling?.type).toBe("llama3");
    expect(configOf("mistral", "config.json").slidingWindow).toBe(8);
    expect(configOf("qwen2", "config-4x.json").slidingWindow).toBeUndefined();
  });
});
