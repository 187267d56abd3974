import { describe, expect, it, test } from "vitest";
import { modelTensors } from "../../exec/model-tensors.ts";
import { layerAttention } from "../../plan/documents/architecture.ts";
import { presetName } from "../../plan/documents/presets.ts";
import {
  type Architecture,
  architectureFromConfig,
  huggingFaceConfigSchema,
  PRESETS,
  workloadArchitecture,
} from "../../plan/index.ts";

/**
 * Parameters as the hub counts them in the model's files. Of Qwen 3 0.6B and 1.7B, whose files have the embedding twice,
 * as transformers counts them. Of the larger Gemma 3, those of the part for text.
 */
const PARAMETERS: readonly (readonly [string, number])[] = [
  ["tinyllama-1.1b", 1_100_048_384],
  ["llama-2-7b", 6_738_415_616],
  ["llama-2-13b", 13_015_864_320],
  ["llama-2-70b", 68_976_648_192],
  ["llama-3-8b", 8_030_261_248],
  ["llama-3-70b", 70_553_706_496],
  ["llama-3.1-8b", 8_030_261_248],
  ["llama-3.1-70b", 70_553_706_496],
  ["llama-3.1-405b", 405_853_388_800],
  ["llama-3.2-1b", 1_235_814_400],
  ["llama-3.2-3b", 3_212_749_824],
  ["llama-3.3-70b", 70_553_706_496],
  ["qwen-2.5-0.5b", 494_032_768],
  ["qwen-2.5-1.5b", 1_543_714_304],
  ["qwen-2.5-3b", 3_085_938_688],
  ["qwen-2.5-7b", 7_615_616_512],
  ["qwen-2.5-14b", 14_770_033_664],
  ["qwen-2.5-32b", 32_763_876_352],
  ["qwen-2.5-72b", 72_706_203_648],
  ["qwen-3-0.6b", 596_049_920],
  ["qwen-3-1.7b", 1_720_574_976],
  ["qwen-3-4b", 4_022_468_096],
  ["qwen-3-4b-2507", 4_022_468_096],
  ["qwen-3-8b", 8_190_735_360],
  ["qwen-3-14b", 14_768_307_200],
  ["qwen-3-32b", 32_762_123_264],
  ["gemma-2-2b", 2_614_341_888],
  ["gemma-2-9b", 9_241_705_984],
  ["gemma-2-27b", 27_227_128_320],
  ["gemma-3-270m", 268_098_176],
  ["gemma-3-1b", 999_885_952],
  ["gemma-3-4b", 3_880_263_168],
  ["gemma-3-12b", 11_766_034_176],
  ["gemma-3-27b", 27_009_346_304],
  ["phi-3-mini-4k", 3_821_079_552],
  ["phi-3-mini-128k", 3_821_079_552],
  ["phi-3-medium-4k", 13_960_238_080],
  ["phi-3.5-mini", 3_821_079_552],
  ["phi-4-mini", 3_836_021_760],
  ["phi-4", 14_659_507_200],
  ["mistral-7b-v0.1", 7_241_732_096],
  ["mistral-7b-v0.2", 7_241_732_096],
  ["mistral-7b-v0.3", 7_248_023_552],
  ["mistral-nemo-12b", 12_247_782_400],
  ["ministral-8b", 8_019_808_256],
  ["mistral-small-24b", 23_572_403_200],
  ["olmo-2-1b", 1_484_916_736],
  ["olmo-2-7b", 7_298_617_344],
  ["olmo-2-13b", 13_716_198_400],
  ["olmo-2-32b", 32_234_279_936],
  ["granite-3.3-2b", 2_533_539_840],
  ["granite-3.3-8b", 8_170_864_640],
  ["smollm-3-3b", 3_075_098_624],
  ["glm-4-9b-0414", 9_400_279_040],
  ["qwen-3-30b-a3b", 30_532_122_624],
  ["qwen-3-235b-a22b", 235_093_634_560],
  ["mixtral-8x7b", 46_702_792_704],
  ["mixtral-8x22b", 140_620_634_112],
  ["gpt-oss-20b", 20_914_757_184],
  ["gpt-oss-120b", 116_829_156_672],
];

const architectureOf = (name: string): Architecture =>
  architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS[name]));

/** Of all tensors of a checkpoint: matrices, biases and norms, a tied head once. */
function parametersOf(architecture: Architecture): number {
  const sizes = Array.from(modelTensors(architecture), ({ shape }) => shape.reduce((size, n) => size * n, 1));
  return sizes.reduce((total, size) => total + size, 0);
}

describe("a model that is known by name", () => {
  test.each(PARAMETERS)("%s has as many parameters as the hub says", (name, parameters) => {
    expect(parametersOf(architectureOf(name))).toBe(parameters);
  });

  it("is in the table above", () => {
    expect(Object.keys(PRESETS)).toEqual(PARAMETERS.map(([name]) => name));
  });

  // What the number of parameters does not show.
  test.each([
    ["mistral-7b-v0.1", { slidingWindow: 4096, windows: 32 }],
    ["mistral-7b-v0.3", { slidingWindow: undefined, windows: 0 }],
    ["ministral-8b", { slidingWindow: undefined, windows: 0, ropeTheta: 1e8 }],
    ["phi-3-mini-4k", { slidingWindow: 2047, windows: 32 }],
    ["phi-3-mini-128k", { slidingWindow: undefined, windows: 0 }],
    ["phi-4-mini", { slidingWindow: undefined, windows: 0, rotaryDim: 96 }],
    ["gemma-2-27b", { slidingWindow: 4096, windows: 23, attentionScale: 1 / 12, scoreCap: 50, logitCap: 30 }],
    ["gemma-3-1b", { slidingWindow: 512, windows: 22, ropeTheta: 1e6, windowTheta: 1e4, ropeScaling: undefined }],
    ["gemma-3-27b", { slidingWindow: 1024, windows: 52, ropeScaling: { type: "linear", factor: 8 } }],
    ["qwen-3-4b-2507", { windows: 0, ropeTheta: 5e6, maxPositions: 262_144 }],
    ["granite-3.3-8b", { attentionScale: 1 / 128, embeddingScale: 12, residualScale: 0.22, logitScale: 1 / 16 }],
    ["smollm-3-3b", { ropeless: Array.from({ length: 36 }, (_, layer) => layer % 4 === 3) }],
    ["glm-4-9b-0414", { rotaryDim: 64, qkvBias: true, rotaryPairs: true }],
    ["qwen-3-30b-a3b", { windows: 0, experts: { count: 128, perToken: 8, intermediateSize: 768, normalized: true } }],
    ["mixtral-8x7b", { windows: 0, experts: { count: 8, perToken: 2, normalized: true, stored: "w1" } }],
    ["gpt-oss-20b", { slidingWindow: 128, windows: 12, sinks: true, experts: { gate: { limit: 7, alpha: 1.702 } } }],
  ])("%s is read as %o", (name, expected) => {
    const architecture = architectureOf(name);
    const layers = Array.from({ length: architecture.numLayers }, (_, layer) => layerAttention(architecture, layer));
    const windows = layers.filter(({ window }) => window !== undefined).length;
    const { slidingWindow, ropeScaling } = architecture;
    expect({ slidingWindow, ropeScaling, ...architecture, windows }).toMatchObject(expected);
  });

  test.each(PARAMETERS)("%s is found by its own name", (name) => {
    expect(presetName(name)).toBe(name);
  });

  test.each([
    ["Qwen/Qwen3-30B-A3B", "qwen-3-30b-a3b"],
    ["mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral-8x7b"],
    ["openai/gpt-oss-20b", "gpt-oss-20b"],
    ["Llama 3.1 8B", "llama-3.1-8b"],
    ["meta-llama/Llama-3.2-1B-Instruct", "llama-3.2-1b"],
    ["meta-llama/Meta-Llama-3-8B", "llama-3-8b"],
    ["meta-llama/Llama-2-7b-chat-hf", "llama-2-7b"],
    ["Qwen/Qwen2.5-7B-Instruct", "qwen-2.5-7b"],
    ["TinyLlama/TinyLlama-1.1B-Chat-v1.0", "tinyllama-1.1b"],
    ["llama3.3_70b", "llama-3.3-70b"],
    ["llama3.1:8b", "llama-3.1-8b"],
    ["LLaMA_3_1_8B", "llama-3.1-8b"],
    ["Llama 3.1 8 B", "llama-3.1-8b"],
    ["Llama 3 8 B", "llama-3-8b"],
    ["unsloth/Meta-Llama-3.1-8B-bnb-4bit", "llama-3.1-8b"],
    ["Qwen/Qwen2.5-Coder-7B", "qwen-2.5-7b"],
    ["Qwen/Qwen3-8B", "qwen-3-8b"],
    ["Qwen/Qwen3-8B-Base", "qwen-3-8b"],
    ["unsloth/Qwen3-8B-bnb-4bit", "qwen-3-8b"],
    ["unsloth/Qwen3-0.6B-unsloth-bnb-4bit", "qwen-3-0.6b"],
    ["Qwen 3 4 B", "qwen-3-4b"],
    ["Qwen/Qwen3-4B-Instruct-2507", "qwen-3-4b-2507"],
    ["Qwen/Qwen3-4B-Thinking-2507", "qwen-3-4b-2507"],
    ["google/gemma-2-9b-it", "gemma-2-9b"],
    ["gemma3 1b", "gemma-3-1b"],
    ["gemma3:270m", "gemma-3-270m"],
    ["google/gemma-3-4b-pt", "gemma-3-4b"],
    ["microsoft/Phi-3-mini-128k-instruct", "phi-3-mini-128k"],
    ["microsoft/Phi-3.5-mini-instruct", "phi-3.5-mini"],
    ["microsoft/Phi-4-mini-instruct", "phi-4-mini"],
    ["microsoft/phi-4", "phi-4"],
    ["phi4:14b", "phi-4"],
    ["mistralai/Mistral-7B-v0.1", "mistral-7b-v0.1"],
    ["mistralai/Mistral-7B-Instruct-v0.3", "mistral-7b-v0.3"],
    ["unsloth/mistral-7b-instruct-v0.3-bnb-4bit", "mistral-7b-v0.3"],
    ["mistralai/Mistral-Nemo-Instruct-2407", "mistral-nemo-12b"],
    ["Mistral Nemo", "mistral-nemo-12b"],
    ["mistralai/Ministral-8B-Instruct-2410", "ministral-8b"],
    ["mistralai/Mistral-Small-24B-Instruct-2501", "mistral-small-24b"],
    ["allenai/OLMo-2-1124-7B-Instruct", "olmo-2-7b"],
    ["allenai/OLMo-2-0325-32B-SFT", "olmo-2-32b"],
    ["OLMo 2 1B", "olmo-2-1b"],
    ["HuggingFaceTB/SmolLM3-3B", "smollm-3-3b"],
    ["ibm-granite/granite-3.3-8b-instruct", "granite-3.3-8b"],
    ["zai-org/GLM-4-9B-0414", "glm-4-9b-0414"],
  ])("is found as %s", (name, preset) => {
    expect(presetName(name)).toBe(preset);
    expect(workloadArchitecture({ model: { architecture: name, dtype: "bfloat16" } })).toEqual(architectureOf(preset));
  });

  // The last two rows: other models, whose names begin alike.
  test.each([
    ...["", "llama-3.1", "Llama 4 Scout", "constructor", "llama-3.1-8b-instruct-base-x", "Mistral 7B"],
    ...["THUDM/glm-4-9b-chat", "microsoft/Phi-4-reasoning", "mistralai/Mistral-Small-3.1-24B-Instruct-2503"],
    ...["mistralai/Ministral-3-8B-Instruct-2512", "Qwen/Qwen3-Next-80B-A3B-Instruct", "google/gemma-3n-E2B-it"],
  ])("%o is none", (name) => {
    expect(() => workloadArchitecture({ model: { architecture: name, dtype: "bfloat16" } })).toThrow(
      /Expected the name of an architecture or the keys of a config\.json/,
    );
  });
});
