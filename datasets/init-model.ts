import fs from "node:fs";
import path from "node:path";
import { createRng, InputError } from "../core/index.ts";
import { writeWholeFile } from "../files/index.ts";
import { BYTE_TOKENIZER, createByteTokenizer } from "./byte-tokenizer.ts";
import { type TensorToWrite, writeSafetensors } from "./safetensors/write-safetensors.ts";

export interface InitModelOptions {
  /** Made when it does not exist. */
  readonly folder: string;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Key and value heads; as many as heads when absent. */
  readonly kvHeads?: number | undefined;
  /** 8/3 of the hidden size, rounded up to a multiple of 16, when absent. */
  readonly intermediateSize?: number | undefined;
  /** hiddenSize / heads when absent. */
  readonly headDim?: number | undefined;
  readonly seed: number | string;
  readonly tieEmbeddings?: boolean | undefined;
  /** 2048 when absent. */
  readonly maxPositions?: number | undefined;
  /** How the weights are stored: "float32" when absent. */
  readonly dtype?: "float32" | "bfloat16" | undefined;
}

export interface InitModelResult {
  readonly folder: string;
  readonly numParameters: number;
}

/** All tensors are in memory before they are written: 8 GiB. */
const MOST_PARAMETERS = 2 ** 31;

/** The sizes in config.json's words, checked. */
function createConfig(options: InitModelOptions) {
  const { hiddenSize, layers, heads, kvHeads = heads, maxPositions = 2048, tieEmbeddings = false } = options;
  const headDim = options.headDim ?? hiddenSize / heads;
  const intermediateSize = options.intermediateSize ?? Math.ceil((hiddenSize * 8) / 3 / 16) * 16;
  const sizes = { hiddenSize, layers, heads, kvHeads, headDim, intermediateSize, maxPositions };
  for (const [at, value] of Object.entries(sizes)) {
    if (!Number.isSafeInteger(value) || value <= 0)
      throw new InputError({ expected: "a positive whole number", at, got: value });
  }
  if (headDim % 2 !== 0) {
    throw new InputError({ expected: "an even number for the rotary halves", at: "headDim", got: headDim });
  }
  if (heads % kvHeads !== 0)
    throw new InputError({ expected: `a divisor of ${heads} heads`, at: "kvHeads", got: kvHeads });
  const perLayer = hiddenSize * headDim * 2 * (heads + kvHeads) + 3 * hiddenSize * intermediateSize;
  const parameters = layers * perLayer + 2 * BYTE_TOKENIZER.vocabularySize * hiddenSize;
  if (parameters > MOST_PARAMETERS)
    throw new InputError({ expected: `at most ${MOST_PARAMETERS} parameters`, got: parameters });
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    hidden_size: hiddenSize,
    intermediate_size: intermediateSize,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    head_dim: headDim,
    vocab_size: BYTE_TOKENIZER.vocabularySize,
    max_position_embeddings: maxPositions,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    hidden_act: "silu",
    attention_bias: false,
    mlp_bias: false,
    tie_word_embeddings: tieEmbeddings,
    bos_token_id: BYTE_TOKENIZER.bosId,
    eos_token_id: BYTE_TOKENIZER.eosId,
    pad_token_id: BYTE_TOKENIZER.padId,
    torch_dtype: options.dtype ?? "float32",
  };
}

type Config = ReturnType<typeof createConfig>;

/**
 * The weights. Projections and head are normal with variance 1 / inputs, so that values keep their size through the
 * layers and logits start with variance 1: a loss of about ln(259) + 0.5 = 6.06. Embeddings are normal with variance 1,
 * so that a token is not drowned by the first layer's output; where the head is tied to them, it has the head's
 * variance. With the usual 0.02 everywhere, logits stay below what an adapter can move, and nothing is learned.
 */
function* createTensors(config: Config, seed: number | string): Generator<TensorToWrite> {
  const { hidden_size: hidden, intermediate_size: inner, head_dim: headDim } = config;
  const queries = config.num_attention_heads * headDim;
  const keys = config.num_key_value_heads * headDim;
  const type = config.torch_dtype === "bfloat16" ? "BF16" : "F32";
  const normal = (name: string, rows: number, columns: number, deviation: number): TensorToWrite => {
    const rng = createRng(`${seed}/${name}`);
    const values = Float32Array.from({ length: rows * columns }, () => rng.nextNormal() * deviation);
    return { name, shape: [rows, columns], values, type };
  };
  const linear = (name: string, rows: number, columns: number) => normal(name, rows, columns, 1 / Math.sqrt(columns));
  const ones = (name: string): TensorToWrite => ({
    name,
    shape: [hidden],
    values: new Float32Array(hidden).fill(1),
    type,
  });
  const isTied = config.tie_word_embeddings;
  yield normal("model.embed_tokens.weight", config.vocab_size, hidden, isTied ? 1 / Math.sqrt(hidden) : 1);
  for (let layer = 0; layer < config.num_hidden_layers; layer += 1) {
    const at = `model.layers.${layer}`;
    yield ones(`${at}.input_layernorm.weight`);
    yield linear(`${at}.self_attn.q_proj.weight`, queries, hidden);
    yield linear(`${at}.self_attn.k_proj.weight`, keys, hidden);
    yield linear(`${at}.self_attn.v_proj.weight`, keys, hidden);
    yield linear(`${at}.self_attn.o_proj.weight`, hidden, queries);
    yield ones(`${at}.post_attention_layernorm.weight`);
    yield linear(`${at}.mlp.gate_proj.weight`, inner, hidden);
    yield linear(`${at}.mlp.up_proj.weight`, inner, hidden);
    yield linear(`${at}.mlp.down_proj.weight`, hidden, inner);
  }
  yield ones("model.norm.weight");
  if (!isTied) yield linear("lm_head.weight", config.vocab_size, hidden);
}

/**
 * Makes a random Llama-shaped model with a byte-level tokenizer in Hugging Face's format; the same seed and sizes, the
 * same bytes.
 * @throws InputError for sizes that make no model
 */
export function initModel(options: InitModelOptions): InitModelResult {
  const config = createConfig(options);
  const { folder } = options;
  fs.mkdirSync(folder, { recursive: true });
  const write = (name: string, value: object): void =>
    writeWholeFile(path.join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
  const { tokenizer, config: tokenizerConfig } = createByteTokenizer(config.max_position_embeddings);
  const tensors = [...createTensors(config, options.seed)];
  write("config.json", config);
  write("tokenizer.json", tokenizer);
  write("tokenizer_config.json", tokenizerConfig);
  writeSafetensors(path.join(folder, "model.safetensors"), tensors, { format: "pt" });
  return { folder, numParameters: tensors.reduce((count, { values }) => count + values.length, 0) };
}
