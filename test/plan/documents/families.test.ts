import { describe, expect, test } from "vitest";
import { InputError } from "../../../core/index.ts";
import { parseDocument } from "../../../plan/documents/read-document.ts";
import { type Architecture, architectureFromConfig, huggingFaceConfigSchema } from "../../../plan/index.ts";
import { PUBLISHED } from "./published-configs.ts";

const read = (config: object): Architecture =>
  architectureFromConfig(parseDocument(huggingFaceConfigSchema, JSON.stringify(config), "config.json"));

const SIZES = {
  ...{ hidden_size: 32, intermediate_size: 64, num_hidden_layers: 4, num_attention_heads: 4, num_key_value_heads: 2 },
  ...{ head_dim: 8, vocab_size: 100, max_position_embeddings: 64 },
};
const configured = (type: string, keys: object): Architecture => read({ ...SIZES, model_type: type, ...keys });

const [FULL, SLIDING, CHUNKED] = ["full_attention", "sliding_attention", "chunked_attention"];
const LONG = { rope_type: "longrope", short_factor: [1, 1, 1, 1], long_factor: [2, 2, 2, 2] };
const YARN = { rope_type: "yarn", factor: 4 };

describe("a published configuration", () => {
  test.each(Object.entries(PUBLISHED))("of %s is read", (_, { config, expected }) => {
    expect(read(config)).toMatchObject(expected);
  });
});

describe("a configuration", () => {
  test.each<readonly [string, string, object, Partial<Architecture>]>([
    ["the eps of its class", "olmo2", {}, { rmsNormEps: 1e-5 }],
    ["the eps of its class", "phi3", {}, { rmsNormEps: 1e-5 }],
    ["the eps of its class", "glm4", {}, { rmsNormEps: 1.5625e-7, qkvBias: true }],
    ["the positions of its class", "smollm3", { max_position_embeddings: undefined }, { maxPositions: 32_768 }],
    [
      "a window in the layers that are named",
      "mistral",
      { layer_types: [FULL, SLIDING, FULL, FULL], sliding_window: 9 },
      { slidingWindow: 9, windowed: [false, true, false, false] },
    ],
    [
      "a window from the first layer on",
      "qwen3",
      { use_sliding_window: true, sliding_window: 9, max_window_layers: 0 },
      { slidingWindow: 9 },
    ],
    [
      "chunks in layers with rope",
      "llama4_text",
      { moe_layers: [], attention_chunk_size: 9, no_rope_layers: [] },
      { chunk: 9, ropeless: [false, false, false, true] },
    ],
    [
      "a length beside yarn's table",
      "llama",
      { rope_scaling: YARN, original_max_position_embeddings: 16 },
      { ropeScaling: expect.objectContaining({ originalMaxPositions: 16 }) },
    ],
    [
      "positions where yarn has no length",
      "llama",
      { rope_scaling: YARN },
      { ropeScaling: expect.objectContaining({ originalMaxPositions: 64 }) },
    ],
    [
      "the length of Phi-3's class",
      "phi3",
      { rope_scaling: LONG, max_position_embeddings: 8192 },
      { ropeScaling: expect.objectContaining({ originalMaxPositions: 4096 }) },
    ],
    [
      "a factor that agrees",
      "phi3",
      { rope_scaling: { ...LONG, factor: 4 }, original_max_position_embeddings: 16 },
      { ropeScaling: expect.objectContaining({ attentionFactor: Math.sqrt(1.5) }) },
    ],
    ["code that is the family's", "phi3", { auto_map: { AutoModelForCausalLM: "modeling_phi3.Phi3ForCausalLM" } }, {}],
    ["matrices that were cut for training", "llama", { pretraining_tp: 2 }, {}],
  ])("has %s: %s %j", (_, type, keys, expected) => {
    expect(configured(type, keys)).toMatchObject(expected);
  });

  test.each<readonly [string, object]>([
    ["qwen2", { use_sliding_window: true, sliding_window: null, max_window_layers: 0 }],
    ["qwen3", { use_sliding_window: false, sliding_window: 9, max_window_layers: 0 }],
    ["smollm3", { use_sliding_window: true, sliding_window: null }],
    ["mistral", { sliding_window: null, layer_types: [FULL, FULL, FULL, FULL] }],
    ["llama4_text", { moe_layers: [], attention_chunk_size: null }],
    ["llama4_text", { moe_layers: [], attention_chunk_size: 9, layer_types: [FULL, FULL, FULL, FULL] }],
  ])("has no window and no chunks: %s %j", (type, keys) => {
    const { slidingWindow, windowed, chunk } = configured(type, keys);
    expect([slidingWindow, windowed, chunk]).toEqual([undefined, undefined, undefined]);
  });

  test.each<readonly [string, string, object]>([
    ["layer_types", "qwen2", { sliding_window: 9, layer_types: [FULL, SLIDING, FULL, FULL] }],
    ["layer_types", "phi3", { sliding_window: 9, layer_types: [FULL, SLIDING, FULL, FULL] }],
    ["sliding_window", "mistral", { sliding_window: null, layer_types: [FULL, SLIDING, FULL, FULL] }],
    ["max_window_layers", "qwen2", { use_sliding_window: true, max_window_layers: -1 }],
    ["layer_types[3]", "llama4_text", { moe_layers: [], layer_types: [CHUNKED, CHUNKED, CHUNKED, CHUNKED] }],
    ["layer_types[1]", "llama4_text", { moe_layers: [], layer_types: [CHUNKED, FULL, CHUNKED, FULL] }],
    ["no_rope_layers", "smollm3", { no_rope_layers: [] }],
    ["rope_parameters", "gemma3_text", { rope_parameters: { rope_type: "default", rope_theta: 1e4 } }],
    ["rope_scaling.type", "gemma3_text", { rope_scaling: { type: "linear", factor: 2 } }],
    ["truncate", "gemma3_text", { rope_scaling: { ...YARN, truncate: false } }],
    ["rope_scaling.factor", "phi3", { rope_scaling: { ...LONG, factor: 3 }, original_max_position_embeddings: 16 }],
    ["original_max_position_embeddings", "phi3", { rope_scaling: { ...LONG, original_max_position_embeddings: 16 } }],
    ["auto_map", "phi3", { auto_map: { AutoModelForCausalLM: "modeling_own.OwnForCausalLM" } }],
  ])("is refused at %s: %s %j", (at, type, keys) => {
    expect(() => configured(type, keys)).toThrow(InputError);
    expect(() => configured(type, keys)).toThrow(` at ${at}, got `);
  });
});
