import { describe, expect, it, test } from "vitest";
import { presetName } from "../../plan/documents/presets.ts";
import {
  type Architecture,
  architectureFromConfig,
  decoderDimensions,
  huggingFaceConfigSchema,
  PRESETS,
  workloadArchitecture,
} from "../../plan/index.ts";

/** Parameters as the hub counts them, without Qwen's biases. */
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
  ["qwen-2.5-7b", 7_615_487_488],
  ["qwen-2.5-32b", 32_763_417_600],
];

const architectureOf = (name: string): Architecture =>
  architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS[name]));

function parametersOf(architecture: Architecture): number {
  const { numLayers, hiddenSize, vocabularySize, tiedEmbeddings } = architecture;
  const norms = (2 * numLayers + 1) * hiddenSize;
  const tables = (tiedEmbeddings ? 1 : 2) * vocabularySize * hiddenSize;
  return numLayers * decoderDimensions(architecture).parameters + norms + tables;
}

describe("a model that is known by name", () => {
  test.each(PARAMETERS)("%s has as many parameters as the hub says", (name, parameters) => {
    expect(parametersOf(architectureOf(name))).toBe(parameters);
  });

  it("is in the table above", () => {
    expect(Object.keys(PRESETS)).toEqual(PARAMETERS.map(([name]) => name));
  });

  test.each([
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
    ["unsloth/Meta-Llama-3.1-8B-bnb-4bit", "llama-3.1-8b"],
    ["Qwen/Qwen2.5-Coder-7B", "qwen-2.5-7b"],
  ])("is found as %s", (name, preset) => {
    expect(presetName(name)).toBe(preset);
    expect(workloadArchitecture({ model: { architecture: name, dtype: "bfloat16" } })).toEqual(architectureOf(preset));
  });

  test.each(["", "llama-3.1", "Llama 4 Scout", "constructor", "llama-3.1-8b-instruct-base-x"])("%o is none", (name) => {
    expect(() => workloadArchitecture({ model: { architecture: name, dtype: "bfloat16" } })).toThrow(
      /Expected the name of an architecture or the keys of a config\.json/,
    );
  });
});
