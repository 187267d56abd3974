import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createRng } from "../core/index.ts";
import { initModel, type TensorToWrite, writeSafetensors } from "../datasets/index.ts";
import {
  architectureFromConfig,
  huggingFaceConfigSchema,
  projectionPath,
  projectionShape,
  UNFUSED_PROJECTIONS,
} from "../plan/index.ts";

/** Large enough that an action takes a GPU milliseconds: 200 million parameters. */
const SIZES = {
  hidden_size: 2048,
  intermediate_size: 5632,
  num_hidden_layers: 4,
  num_attention_heads: 16,
  num_key_value_heads: 8,
  head_dim: 128,
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
};

const BLOCK = 2 ** 20;

/**
 * The same million normal numbers again and again: a model of this size in seconds, for times rather than for losses.
 */
function randomTensor(block: Float32Array, name: string, shape: readonly number[]): TensorToWrite {
  const [, inputs = 1] = shape;
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  const scaled = block.map((value) => value / Math.sqrt(inputs));
  for (let at = 0; at < values.length; at += BLOCK) {
    values.set(scaled.subarray(0, Math.min(BLOCK, values.length - at)), at);
  }
  return { name, shape, values, type: "BF16" };
}

function ones(name: string, size: number): TensorToWrite {
  return { name, shape: [size], values: new Float32Array(size).fill(1), type: "BF16" };
}

/** Writes a random Llama-shaped model with the byte-level tokenizer of init-model. */
export function writeTwinModel(folder: string): void {
  initModel({ folder, hiddenSize: 64, layers: 1, heads: 1, seed: 1 });
  const file = path.join(folder, "config.json");
  const config = { ...(JSON.parse(readFileSync(file, "utf8")) as object), ...SIZES };
  const architecture = architectureFromConfig(huggingFaceConfigSchema.parse(config));
  const rng = createRng("twin model");
  const block = Float32Array.from({ length: BLOCK }, () => rng.nextNormal());
  const { hiddenSize: hidden, vocabularySize } = architecture;
  const tensors = [
    randomTensor(block, "model.embed_tokens.weight", [vocabularySize, hidden]),
    ones("model.norm.weight", hidden),
  ];
  for (let layer = 0; layer < SIZES.num_hidden_layers; layer += 1) {
    for (const norm of ["input_layernorm", "post_attention_layernorm"])
      tensors.push(ones(`model.layers.${layer}.${norm}.weight`, hidden));
    for (const projection of UNFUSED_PROJECTIONS) {
      const { out, in: inputs } = projectionShape(architecture, projection);
      tensors.push(randomTensor(block, `${projectionPath(architecture, layer, projection)}.weight`, [out, inputs]));
    }
  }
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`);
  writeSafetensors(path.join(folder, "model.safetensors"), tensors, { format: "pt" });
}
