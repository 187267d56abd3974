import type { Rng } from "../core/index.ts";

/** Sizes of a tiny model, drawn anew for each case. */
export interface Sizes {
  readonly hidden: number;
  readonly intermediate: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabulary: number;
}

/** A kind of model that loratwin reads and transformers has. */
export interface Family {
  /** The keys of a config.json; `longest` is the most tokens of a row. */
  config(sizes: Sizes, longest: number): Readonly<Record<string, unknown>>;
}

const common = ({ hidden, intermediate, layers, heads, kvHeads, headDim, vocabulary }: Sizes) => ({
  hidden_size: hidden,
  intermediate_size: intermediate,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: kvHeads,
  head_dim: headDim,
  vocab_size: vocabulary,
  max_position_embeddings: 256,
  // Above every token that is drawn: nothing here is padded or ends.
  bos_token_id: null,
  eos_token_id: null,
});

/** What is judged, in each dtype: a family more is a row more. */
export const FAMILIES: Readonly<Record<string, Family>> = {
  llama: { config: (sizes) => ({ ...common(sizes), model_type: "llama", rms_norm_eps: 1e-5 }) },
  "llama, tied head, llama3 rope": {
    config: (sizes, longest) => ({
      ...common(sizes),
      model_type: "llama",
      tie_word_embeddings: true,
      rope_parameters: {
        rope_type: "llama3",
        // With these a head has frequencies that are kept, blended and divided.
        rope_theta: 500,
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: longest,
      },
    }),
  },
  "llama, linear rope": {
    config: (sizes) => ({
      ...common(sizes),
      model_type: "llama",
      rope_parameters: { rope_type: "linear", rope_theta: 50_000, factor: 4 },
    }),
  },
  mistral: { config: (sizes) => ({ ...common(sizes), model_type: "mistral", sliding_window: null }) },
  "mistral, window": {
    // Rows as long as the window, which is the most that is trained.
    config: (sizes, longest) => ({ ...common(sizes), model_type: "mistral", sliding_window: longest }),
  },
  // head_dim is hidden / heads, as in the published ones.
  qwen2: {
    config: (sizes) => ({ ...common(sizes), head_dim: undefined, model_type: "qwen2", use_sliding_window: false }),
  },
  "qwen2, tied head": {
    config: (sizes) => ({ ...common(sizes), model_type: "qwen2", tie_word_embeddings: true, rms_norm_eps: 1e-6 }),
  },
};

export const DTYPES = ["float32", "bfloat16"] as const;
export type PeersDtype = (typeof DTYPES)[number];

const oneOf = <T>(rng: Rng, values: readonly T[]): T => values[rng.nextInt(values.length)]!;
const between = (rng: Rng, low: number, high: number): number => low + rng.nextInt(high - low + 1);

export function drawSizes(rng: Rng): Sizes {
  const kvHeads = oneOf(rng, [1, 2, 3]);
  const heads = kvHeads * oneOf(rng, [1, 2, 4]);
  return {
    // transformers wants a multiple of the heads, also where headDim is another one.
    hidden: heads * oneOf(rng, [6, 8, 12, 16]),
    intermediate: between(rng, 40, 120),
    layers: between(rng, 2, 4),
    heads,
    kvHeads,
    headDim: oneOf(rng, [8, 16, 24]),
    vocabulary: between(rng, 50, 200),
  };
}
