import type { Rng } from "../core/index.ts";
import { between, drawOriginal, fraction, isOn, type Keys, maybe, oneOf } from "./draw-rope.ts";
import {
  biased,
  type Draw,
  type DrawnModel,
  type Family,
  FULL,
  layersOf,
  PLAIN,
  ropeOf,
  type Sizes,
  someLayers,
  tied,
  width,
} from "./family.ts";
import { MIXTURES } from "./mixtures.ts";

/** Qwen's windows: off with or without a number beside it, or on in later layers, or in those that are named. */
function switched(given: Draw): Keys {
  const { rng, sizes } = given;
  if (rng.nextInt(3) === 0)
    return { ...maybe(rng, "use_sliding_window", [false]), sliding_window: oneOf(rng, [null, 8]) };
  const layers = isOn(rng) ? someLayers(given) : { max_window_layers: between(rng, 0, sizes.layers) };
  return { use_sliding_window: true, sliding_window: width(given), ...layers };
}

const gemmaKeys = (given: Draw) => ({
  ...biased(given),
  ...tied(given),
  ...{ query_pre_attn_scalar: oneOf(given.rng, [4, given.sizes.headDim, 40]), sliding_window: width(given) },
});

const withoutRope = ({ rng }: Draw) => ({ no_rope_layer_interval: oneOf(rng, [2, 3]) });
const ropeLayers = (given: Draw) => ({ no_rope_layers: layersOf(given, () => given.rng.nextInt(2)) });

/** A head's turned columns, and the factor of which they are the whole part. */
function partialOf({ rng, sizes: { headDim } }: Draw): { readonly columns: number; readonly partial?: number } {
  const columns = 2 * between(rng, 1, headDim / 2);
  if (columns === headDim) return oneOf(rng, [{ columns }, { columns, partial: 1 }]);
  return { columns, partial: (columns + oneOf(rng, [0.25, 0.75])) / headDim };
}

/** What is judged, in each dtype: a family more is a row more. */
export const FAMILIES: Readonly<Record<string, Family>> = {
  llama: {
    ropes: [...PLAIN, "longrope"],
    draw: (given) => {
      const long = given.rope === "longrope" ? { original: drawOriginal(given.rng, given.longest) } : undefined;
      const rope = ropeOf(given);
      const factors = maybe(given.rng, "factor", [fraction(given.rng, 1, 6)]);
      const original = { original_max_position_embeddings: long?.original, ...factors };
      return {
        ...biased(given),
        ...tied(given),
        ...(long === undefined ? {} : { rope: { ...rope, table: { ...rope.table, ...original } } }),
      };
    },
  },
  mistral: {
    ropes: PLAIN,
    draw: (given) => ({
      ...tied(given),
      ...oneOf(given.rng, [{ sliding_window: null }, { sliding_window: width(given) }, {}]),
    }),
  },
  "mistral, layer types": {
    ropes: PLAIN,
    draw: (given) => ({ ...tied(given), sliding_window: width(given), ...someLayers(given) }),
  },
  qwen2: {
    ropes: PLAIN,
    draw: (given) => ({ ...biased(given), ...tied(given), ...switched(given) }),
  },
  qwen3: {
    ropes: PLAIN,
    draw: (given) => ({ ...biased(given), ...tied(given), ...switched(given) }),
  },
  gemma2: {
    ropes: PLAIN,
    draw: (given) => ({
      ...gemmaKeys(given),
      ...maybe(given.rng, "attn_logit_softcapping", [null, fraction(given.rng, 0.5, 3)]),
      ...maybe(given.rng, "final_logit_softcapping", [null, fraction(given.rng, 0.5, 3)]),
      ...oneOf(given.rng, [{}, someLayers(given)]),
    }),
  },
  gemma3_text: {
    ropes: PLAIN,
    draw: (given) => {
      const rope = ropeOf(given);
      // Of a rope among several the library always rounds the ends of yarn's ramp.
      const { truncate: _, ...table } = rope.table;
      return {
        ...gemmaKeys(given),
        ...maybe(given.rng, "final_logit_softcapping", [null, fraction(given.rng, 0.5, 3)]),
        // Passed over.
        ...maybe(given.rng, "attn_logit_softcapping", [1.5]),
        ...oneOf(given.rng, [{}, someLayers(given), { sliding_window_pattern: oneOf(given.rng, [2, 3]) }]),
        rope: { ...rope, table, windowTheta: oneOf(given.rng, [null, 300, 2000.5]) },
      };
    },
  },
  phi3: {
    ropes: ["default", "longrope"],
    draw: (given) => {
      const { rng, rope: kind, longest } = given;
      const { columns, ...partial } = partialOf(given);
      const { table, ...rope } = ropeOf(given, columns);
      const factors = { ...table, ...maybe(rng, "attention_factor", [fraction(rng, 0.5, 2)]) };
      return {
        ...tied(given),
        ...oneOf(rng, [{}, { sliding_window: null }, { sliding_window: width(given) }]),
        ...(kind === "longrope" ? { original_max_position_embeddings: drawOriginal(rng, longest) } : {}),
        // The library checks the number of factors by hidden / heads alone.
        ...(kind === "longrope" ? { head_dim: undefined } : {}),
        rope: { ...rope, ...partial, table: kind === "longrope" ? factors : table },
      };
    },
  },
  olmo2: { ropes: PLAIN, draw: (given) => ({ ...biased(given), ...tied(given) }) },
  granite: {
    ropes: PLAIN,
    draw: (given) => ({
      ...biased(given),
      ...tied(given),
      ...maybe(given.rng, "embedding_multiplier", [12, fraction(given.rng, 0.5, 9)]),
      ...maybe(given.rng, "attention_multiplier", [0.25, fraction(given.rng, 0.05, 0.5)]),
      ...maybe(given.rng, "residual_multiplier", [0.22, fraction(given.rng, 0.1, 2)]),
      ...maybe(given.rng, "logits_scaling", [8, fraction(given.rng, 0.3, 4)]),
    }),
  },
  smollm3: {
    ropes: PLAIN,
    draw: (given) => ({
      ...biased(given),
      ...tied(given),
      ...oneOf(given.rng, [{}, withoutRope(given), ropeLayers(given)]),
      ...oneOf(given.rng, [
        { use_sliding_window: true, sliding_window: width(given) },
        { use_sliding_window: true, sliding_window: null },
        { use_sliding_window: true, sliding_window: width(given), ...someLayers(given) },
        { use_sliding_window: false, sliding_window: 8 },
        {},
      ]),
    }),
  },
  glm4: {
    ropes: PLAIN,
    draw: (given) => {
      const { columns, ...partial } = partialOf(given);
      // Half of a head where the configuration does not say.
      const half = given.sizes.headDim % 4 === 0 && isOn(given.rng);
      const rope = half ? ropeOf(given) : { ...ropeOf(given, columns), partial: partial.partial ?? 1 };
      return { ...biased(given), ...tied(given), rope };
    },
  },
  llama4_text: {
    ropes: PLAIN,
    draw: (given) => {
      const { rng } = given;
      return {
        ...biased(given),
        ...tied(given),
        ...{ moe_layers: [], intermediate_size_mlp: between(rng, 40, 120) },
        ...oneOf(rng, [withoutRope(given), ropeLayers(given), { no_rope_layers: [], no_rope_layer_interval: 2 }]),
        ...oneOf(rng, [{ attention_chunk_size: width(given) }, { attention_chunk_size: null }, {}]),
        ...oneOf(rng, [{}, {}, { layer_types: layersOf(given, () => FULL) }]),
        ...maybe(rng, "use_qk_norm", [true, false]),
        ...maybe(rng, "attn_temperature_tuning", [true, false]),
        ...{ floor_scale: between(rng, 1, 10), ...maybe(rng, "attn_scale", [fraction(rng, 0.1, 1)]) },
      };
    },
  },
  ...MIXTURES,
};

export const DTYPES = ["float32", "bfloat16"] as const;
export type PeersDtype = (typeof DTYPES)[number];

export function drawSizes(rng: Rng): Sizes {
  const kvHeads = oneOf(rng, [1, 2, 3]);
  const heads = kvHeads * oneOf(rng, [1, 2, 4]);
  return {
    // transformers wants a multiple of the heads, also where headDim is another one. Of few columns some row is next to
    // nothing, whose norm makes much of rounding.
    hidden: heads * oneOf(rng, heads === 1 ? [16, 17, 24] : [8, 9, 12, 16]),
    intermediate: between(rng, 40, 120),
    layers: between(rng, 2, 5),
    heads,
    kvHeads,
    headDim: oneOf(rng, [8, 10, 16, 24]),
    vocabulary: between(rng, 50, 200),
    maxPositions: between(rng, 64, 300),
  };
}

/** Families that may have as many heads of keys as of queries without saying so. */
const NULL_KV_HEADS = ["llama", "qwen2", "qwen3", "phi3", "olmo2", "granite", "smollm3"];

/** What all families have. */
const common = (
  type: string,
  rng: Rng,
  { hidden, intermediate, layers, heads, kvHeads, headDim, ...sizes }: Sizes,
): Keys => ({
  ...{ hidden_size: hidden, intermediate_size: intermediate, num_hidden_layers: layers, num_attention_heads: heads },
  ...(kvHeads === heads && NULL_KV_HEADS.includes(type) && isOn(rng)
    ? { num_key_value_heads: null }
    : { num_key_value_heads: kvHeads }),
  head_dim: headDim,
  vocab_size: sizes.vocabulary,
  max_position_embeddings: sizes.maxPositions,
  ...maybe(rng, "rms_norm_eps", [1e-5, 1e-6, 1e-3, 1.5625e-7]),
  // Above every token that is drawn: nothing here is padded or ends.
  ...{ pad_token_id: null, bos_token_id: null, eos_token_id: null },
});

/** Families whose heads have to be said: without, they are of 128 or 256 columns, or the library fails. */
const SAID_HEAD_DIM = ["mistral, layer types", "qwen3", "gemma2", "gemma3_text", "glm4", "llama4_text", "gpt_oss"];

/** A model of a family; `turn` chooses the kind of its rope. */
export function drawModel(name: string, rng: Rng, longest: number, turn: number): DrawnModel & { sizes: Sizes } {
  const { ropes, draw } = FAMILIES[name]!;
  const type = name.split(",")[0]!;
  const drawn = drawSizes(rng);
  const kind = ropes[turn % ropes.length]!;
  const byWidth = drawn.hidden / drawn.heads;
  const canBeMissing = !SAID_HEAD_DIM.includes(name) && byWidth % 2 === 0;
  const isMissing = canBeMissing && isOn(rng);
  const sizes =
    isMissing || (type === "phi3" && kind === "longrope")
      ? { ...drawn, hidden: drawn.heads * 2 * Math.ceil(byWidth / 2), headDim: 2 * Math.ceil(byWidth / 2) }
      : drawn;
  const given: Draw = { rng, sizes, longest, rope: kind };
  const shared = common(type, rng, sizes);
  const { rope = ropeOf(given), ...keys } = draw(given);
  return {
    sizes,
    keys: { model_type: type, ...shared, ...(isMissing ? { head_dim: undefined } : {}), ...keys },
    rope,
  };
}
