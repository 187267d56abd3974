import { isMapping, type Mapping } from "../../core/index.ts";
import type { Architecture } from "./architecture.ts";
import {
  chunkedLayers,
  FULL,
  flag,
  optionalNumber,
  positiveWhole,
  requireLayers,
  SLIDING,
  unsupported,
  windowsByLayer,
} from "./model-features.ts";
import { ropeOfTable, tableOf } from "./rope-config.ts";

/** What a family's configuration says beside the sizes that all have. Absent fields are as in Llama. */
type Features = Partial<Architecture>;

type Sizes = Pick<Architecture, "numLayers" | "hiddenSize" | "headDim" | "intermediateSize">;

/** How the configuration of a family of decoders is read. Source: the classes of that name in transformers 5.24. */
export interface Family {
  /** The class that a checkpoint names. */
  readonly className: string;
  /** Keys that change what a decoder computes and that this family reads; of the others of their kind none may be on. */
  readonly reads: readonly string[];
  /** What a configuration has where it does not say. */
  readonly defaults: {
    readonly theta?: number;
    readonly partial?: number;
    readonly tied?: true;
    /** Hidden size by heads where absent. */
    readonly headDim?: number;
    readonly eps?: number;
    /** The longest row. */
    readonly positions: number;
  };
  /** The key of the gate's activation, and what it has to be. */
  readonly activation?: readonly [key: string, value: string];
  /** Whether a scaling that is called `yarn` or `su` is `longrope`. */
  readonly isLong?: true;
  features(config: Mapping, sizes: Sizes): Features;
}

/** Whether `sliding_window` is null, which is no window, where a key that is missing is the family's. */
const isWindowOff = (config: Mapping): boolean => config["sliding_window"] === null;

/** `attention_bias`: of q, k, v, and of the output projection. */
function biases(config: Mapping): Features {
  return flag(config, "attention_bias", false) ? { qkvBias: true, outputBias: true } : {};
}

/** A window in all layers, or in none; a family that reads no `layer_types` may have no others. */
function windowEverywhere(config: Mapping, numLayers: number): Features {
  const given = config["sliding_window"] ?? null;
  requireLayers(config, numLayers, given === null ? FULL : SLIDING);
  return given === null ? {} : { slidingWindow: positiveWhole(given, "sliding_window") };
}

/** A window behind a switch, in layers from `max_window_layers` on where `layer_types` do not say. */
function switchedWindow(config: Mapping, numLayers: number): Features {
  if (!flag(config, "use_sliding_window", false)) {
    requireLayers(config, numLayers, FULL);
    return {};
  }
  const first = config["max_window_layers"] ?? 28;
  if (!Number.isSafeInteger(first) || (first as number) < 0)
    throw unsupported("a whole number of layers", "max_window_layers", first);
  return windowsByLayer(config, numLayers, 4096, (layer) => !isWindowOff(config) && layer >= (first as number));
}

const GEMMA_NAMES = {
  ...{ attentionOutNorm: "post_attention_layernorm", mlpNorm: "pre_feedforward_layernorm" },
  mlpOutNorm: "post_feedforward_layernorm",
};

/** What both Gemmas have. */
function gemma(config: Mapping, hiddenSize: number): Features {
  return {
    ...biases(config),
    ...{ norms: "both", normOffset: true, activation: "gelu", layerNames: GEMMA_NAMES },
    embeddingScale: Math.sqrt(hiddenSize),
    attentionScale: (optionalNumber(config, "query_pre_attn_scalar") ?? 256) ** -0.5,
  };
}

function cap(config: Mapping, key: string, field: "scoreCap" | "logitCap", missing: number | null): Features {
  const value = config[key] === undefined ? missing : (optionalNumber(config, key) ?? null);
  return value === null ? {} : { [field]: value };
}

/** Gemma 3 has a rope for each kind of layer: of transformers 5 in one table, of 4 beside each other. */
function gemma3Ropes(config: Mapping): Features {
  const table = tableOf(config, "rope_parameters");
  if (table !== undefined && tableOf(table, "full_attention") === undefined)
    throw unsupported(
      "a table for each kind of layer, full_attention and sliding_attention,",
      "rope_parameters",
      table,
    );
  const scaling = tableOf(config, "rope_scaling") ?? {};
  // Of a scaling by its old name the library takes the factor for a key that it does not know.
  if ((scaling["type"] ?? undefined) !== undefined && (scaling["rope_type"] ?? undefined) === undefined)
    throw unsupported("rope_scaling.rope_type in its place", "rope_scaling.type", scaling["type"]);
  // The library looks for it in the outer table, where it is not.
  for (const { truncate = null } of [scaling, table?.["full_attention"] as Mapping | undefined].filter(isMapping))
    if (truncate !== null && truncate !== true) throw unsupported("no more than true", "truncate", truncate);
  const local = optionalNumber(config, "rope_local_base_freq");
  const sliding = table === undefined ? undefined : tableOf(table, "sliding_attention");
  if (sliding === undefined) return { windowTheta: local ?? 1e4 };
  const defaults = { theta: 1e4, partial: 1, isLong: false };
  const rope = ropeOfTable(config, sliding, "rope_parameters.sliding_attention", local, defaults);
  if (rope.scaling !== undefined)
    throw unsupported("no scaling", "rope_parameters.sliding_attention.rope_type", rope.scaling.type);
  return { windowTheta: rope.theta };
}

function times(config: Mapping, key: string, field: "embeddingScale" | "residualScale", missing = 1): Features {
  const value = optionalNumber(config, key) ?? missing;
  return value === 1 ? {} : { [field]: value };
}

/** Layers without rope: a list with 1 for those with it, or each so many layers. */
function ropeless(config: Mapping, numLayers: number): Features {
  const given = config["no_rope_layers"] ?? undefined;
  const isEntry = (value: unknown): boolean => value === 0 || value === 1;
  if (given !== undefined && !(Array.isArray(given) && given.length === numLayers && given.every(isEntry)))
    throw unsupported(`0 or 1 for each of ${numLayers} layers`, "no_rope_layers", given);
  const interval = optionalNumber(config, "no_rope_layer_interval") ?? 4;
  const without = Array.from({ length: numLayers }, (_, layer) =>
    given === undefined ? (layer + 1) % interval === 0 : given[layer] === 0,
  );
  return without.some((is) => is) ? { ropeless: without } : {};
}

interface ExpertDefaults {
  readonly count: number;
  readonly perToken: number;
}

/** How many experts layers have and a token takes, by both names that the library has for the first. */
function expertCounts(config: Mapping, { count, perToken }: ExpertDefaults): ExpertDefaults {
  const [own, alias] = ["num_local_experts", "num_experts"].map((key) => config[key] ?? undefined);
  if (own !== undefined && alias !== undefined && own !== alias)
    throw unsupported(`${own}, as num_local_experts,`, "num_experts", alias);
  return {
    count: positiveWhole(own ?? alias ?? count, own === undefined ? "num_experts" : "num_local_experts"),
    perToken: positiveWhole(config["num_experts_per_tok"] ?? perToken, "num_experts_per_tok"),
  };
}

/** Layers without experts: those that are listed, and those of which none is a multiple of the step; by their number. */
function layersWithoutExperts(config: Mapping, numLayers: number): { readonly dense?: boolean[] } {
  const listed = config["mlp_only_layers"] ?? [];
  if (!Array.isArray(listed) || !listed.every((layer) => Number.isSafeInteger(layer) && layer >= 0))
    throw unsupported("a list of layers", "mlp_only_layers", listed);
  const step = positiveWhole(config["decoder_sparse_step"] ?? 1, "decoder_sparse_step");
  const dense = Array.from({ length: numLayers }, (_, layer) => listed.includes(layer) || (layer + 1) % step !== 0);
  if (!dense.includes(false)) throw unsupported("experts in a layer at least", "decoder_sparse_step", step);
  return dense.includes(true) ? { dense } : {};
}

const EXPERT_KEYS = ["num_experts", "num_local_experts"] as const;

/** Families by `model_type`. */
export const FAMILIES = {
  llama: {
    ...{ className: "LlamaForCausalLM", reads: ["attention_bias"], defaults: { positions: 2048 } },
    features: biases,
  },
  mistral: {
    ...{ className: "MistralForCausalLM", reads: ["sliding_window"], defaults: { positions: 131_072 } },
    // With `layer_types` it is what transformers calls Ministral.
    features: (config, { numLayers }) => windowsByLayer(config, numLayers, 4096, () => !isWindowOff(config)),
  },
  qwen2: {
    ...{ className: "Qwen2ForCausalLM", reads: ["sliding_window", "attention_bias"], defaults: { positions: 32_768 } },
    // Biases on q, k and v whatever the configuration says.
    features: (config, { numLayers }) => ({ qkvBias: true, ...switchedWindow(config, numLayers) }),
  },
  qwen3: {
    className: "Qwen3ForCausalLM",
    reads: ["sliding_window", "attention_bias"],
    defaults: { headDim: 128, positions: 32_768 },
    features: (config, { numLayers }) => ({
      ...biases(config),
      headNorm: { over: "head", weighted: true },
      ...switchedWindow(config, numLayers),
    }),
  },
  gemma2: {
    className: "Gemma2ForCausalLM",
    reads: ["sliding_window", "attention_bias", "attn_logit_softcapping", "final_logit_softcapping"],
    defaults: { tied: true, headDim: 256, positions: 8192 },
    activation: ["hidden_activation", "gelu_pytorch_tanh"],
    features: (config, { numLayers, hiddenSize }) => ({
      ...gemma(config, hiddenSize),
      ...cap(config, "attn_logit_softcapping", "scoreCap", 50),
      ...cap(config, "final_logit_softcapping", "logitCap", 30),
      ...windowsByLayer(config, numLayers, 4096, (layer) => layer % 2 === 0),
    }),
  },
  gemma3_text: {
    className: "Gemma3ForCausalLM",
    // The first is passed over, as transformers does.
    reads: ["attn_logit_softcapping", "sliding_window", "attention_bias", "final_logit_softcapping"],
    defaults: { tied: true, headDim: 256, theta: 1e6, positions: 131_072 },
    activation: ["hidden_activation", "gelu_pytorch_tanh"],
    features: (config, { numLayers, hiddenSize }) => {
      const pattern = optionalNumber(config, "sliding_window_pattern") ?? 6;
      return {
        ...gemma(config, hiddenSize),
        ...cap(config, "final_logit_softcapping", "logitCap", null),
        headNorm: { over: "head", weighted: true },
        ...windowsByLayer(config, numLayers, 4096, (layer) => (layer + 1) % pattern !== 0),
        ...gemma3Ropes(config),
      };
    },
  },
  phi3: {
    className: "Phi3ForCausalLM",
    reads: ["sliding_window", "partial_rotary_factor"],
    defaults: { eps: 1e-5, positions: 4096 },
    isLong: true,
    features: (config, { numLayers }) => ({
      ...{ fusedQkv: true, fusedGateUp: true },
      ...windowEverywhere(config, numLayers),
    }),
  },
  olmo2: {
    ...{ className: "Olmo2ForCausalLM", reads: ["attention_bias"], defaults: { eps: 1e-5, positions: 2048 } },
    features: (config) => ({
      ...biases(config),
      headNorm: { over: "row", weighted: true },
      norms: "after",
      layerNames: { attentionOutNorm: "post_attention_layernorm", mlpOutNorm: "post_feedforward_layernorm" },
    }),
  },
  granite: {
    className: "GraniteForCausalLM",
    reads: ["attention_bias", "embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling"],
    defaults: { positions: 2048 },
    features: (config) => ({
      ...biases(config),
      attentionScale: optionalNumber(config, "attention_multiplier") ?? 1,
      ...times(config, "embedding_multiplier", "embeddingScale"),
      ...times(config, "residual_multiplier", "residualScale"),
      logitScale: 1 / (optionalNumber(config, "logits_scaling") ?? 1),
    }),
  },
  smollm3: {
    className: "SmolLM3ForCausalLM",
    reads: ["attention_bias", "no_rope_layers", "sliding_window"],
    defaults: { tied: true, theta: 2e6, positions: 32_768 },
    features: (config, { numLayers }) => {
      const without = ropeless(config, numLayers);
      const slides = flag(config, "use_sliding_window", false) && (config["sliding_window"] ?? null) !== null;
      const isLocal = (layer: number): boolean => slides && without.ropeless?.[layer] === true;
      return { ...biases(config), ...without, ...windowsByLayer(config, numLayers, null, isLocal) };
    },
  },
  glm4: {
    className: "Glm4ForCausalLM",
    reads: ["attention_bias", "partial_rotary_factor"],
    defaults: { headDim: 128, partial: 0.5, eps: 1.5625e-7, positions: 131_072 },
    features: (config) => ({
      ...(flag(config, "attention_bias", true) ? { qkvBias: true } : {}),
      ...{ rotaryPairs: true, norms: "both", fusedGateUp: true },
      layerNames: { attentionOutNorm: "post_self_attn_layernorm", mlpOutNorm: "post_mlp_layernorm" },
    }),
  },
  llama4_text: {
    className: "Llama4ForCausalLM",
    reads: ["attention_bias", "no_rope_layers", "use_qk_norm", "num_local_experts"],
    defaults: { headDim: 128, theta: 5e5, eps: 1e-5, positions: 131_072 },
    features: (config, { numLayers }) => {
      const experts = config["moe_layers"];
      if (!Array.isArray(experts) || experts.length > 0)
        throw unsupported("[]: no layers with experts,", "moe_layers", experts);
      // A list of no layers says nothing.
      const given = config["no_rope_layers"];
      const unlisted = Array.isArray(given) && given.length === 0 ? { ...config, no_rope_layers: null } : config;
      const { ropeless: without } = ropeless(unlisted, numLayers);
      const { chunk } = chunkedLayers(config, numLayers, without);
      const isTuned = flag(config, "attn_temperature_tuning", true) && without !== undefined;
      const temperature = {
        scale: optionalNumber(config, "attn_scale") ?? 0.1,
        floor: positiveWhole(config["floor_scale"] ?? 8192, "floor_scale"),
      };
      return {
        ...biases(config),
        ...(chunk === undefined ? {} : { chunk }),
        ...(without === undefined ? {} : { ropeless: without }),
        ...(isTuned ? { temperature } : {}),
        ...(flag(config, "use_qk_norm", true) ? { headNorm: { over: "head", weighted: false, afterRope: true } } : {}),
        rotaryPairs: true,
        layerNames: { mlp: "feed_forward" },
        intermediateSize: positiveWhole(config["intermediate_size_mlp"] ?? 16384, "intermediate_size_mlp"),
      };
    },
  },
  qwen3_moe: {
    className: "Qwen3MoeForCausalLM",
    reads: ["attention_bias", "sliding_window", ...EXPERT_KEYS],
    defaults: { positions: 32_768 },
    features: (config, { numLayers }) => ({
      ...biases(config),
      headNorm: { over: "head", weighted: true },
      ...(flag(config, "use_sliding_window", false)
        ? windowEverywhere({ sliding_window: 4096, ...config }, numLayers)
        : {}),
      experts: {
        ...expertCounts(config, { count: 128, perToken: 8 }),
        intermediateSize: positiveWhole(config["moe_intermediate_size"] ?? 768, "moe_intermediate_size"),
        normalized: flag(config, "norm_topk_prob", false),
        ...layersWithoutExperts(config, numLayers),
      },
    }),
  },
  mixtral: {
    className: "MixtralForCausalLM",
    reads: ["sliding_window", ...EXPERT_KEYS],
    defaults: { theta: 1e6, eps: 1e-5, positions: 131_072 },
    features: (config, { numLayers, intermediateSize }) => ({
      ...windowEverywhere(config, numLayers),
      experts: {
        ...expertCounts(config, { count: 8, perToken: 2 }),
        ...{ intermediateSize, normalized: true, stored: "w1" },
      },
    }),
  },
  gpt_oss: {
    className: "GptOssForCausalLM",
    reads: ["attention_bias", "sliding_window", ...EXPERT_KEYS],
    defaults: { headDim: 64, theta: 150_000, eps: 1e-5, positions: 131_072 },
    features: (config, { numLayers, intermediateSize }) => {
      // The library's own in their place is no plain rope.
      if ((config["rope_parameters"] ?? config["rope_scaling"] ?? undefined) === undefined)
        throw unsupported("the rope of a gpt-oss", "rope_scaling", config["rope_scaling"]);
      return {
        ...(flag(config, "attention_bias", true) ? { qkvBias: true, outputBias: true } : {}),
        ...windowsByLayer(config, numLayers, 128, (layer) => !isWindowOff(config) && layer % 2 === 0),
        sinks: true,
        experts: {
          ...expertCounts(config, { count: 128, perToken: 4 }),
          ...{ intermediateSize, normalized: true, routerBias: true, bias: true, stored: "stacked" },
          gate: {
            limit: optionalNumber(config, "swiglu_limit") ?? 7,
            alpha: optionalNumber(config, "swiglu_alpha") ?? 1.702,
          },
        },
      };
    },
  },
} as const satisfies Readonly<Record<string, Family>>;

export type ModelType = keyof typeof FAMILIES;
